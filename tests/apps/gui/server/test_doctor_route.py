"""GET /doctor answers what `svc doctor --json` prints."""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx
import pytest

from myna.apps.actions import doctor
from myna.apps.gui.server.app import open_studio, serve


@pytest.mark.parametrize("local", [True, False])
def test_the_route_answers_the_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: bool) -> None:
    answers = {
        "torch": doctor._Probed({"version": "2", "cuda": None, "hip": None, "nvidia_driver": False, "device": None}),
        "sound": doctor._Probed(None, "loading it crashes (signal 11)"),
        "microphone": doctor._Probed({"installed": False}),
    }
    monkeypatch.setattr(doctor, "_probe", answers.__getitem__)
    with open_studio(tmp_path / "studio", local=local) as studio:
        server, url = serve(studio)
        try:
            answer = httpx.get(f"{url}api/v1/doctor", timeout=60)
        finally:
            server.close()
    assert answer.status_code == 200
    found = answer.json()
    assert found["findings"][0]["name"] == "sound" and found["findings"][0]["code"] == "missing_extra"
    assert found["error"]["message"].startswith("audio files: loading it crashes")
    workspace = next(check for check in found["checks"] if check["name"] == "workspace")
    assert ("/" in workspace["facts"]["path"]) is local and workspace["state"] == "good"
