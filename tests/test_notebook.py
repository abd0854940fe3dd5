"""Every cell of the notebook runs, with a hub and recordings on this machine."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from hub_server import Hub, serving
from myna.voice import find_weights

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(600)
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(ROOT / "docs" / "first_song.ipynb", as_version=4)
    recordings = sorted((ROOT / "examples" / "recordings").rglob("*.*"))
    (tmp_path / "dataset_raw" / "me").mkdir(parents=True)
    for path in [path for path in recordings if path.is_file()][:4]:
        shutil.copy(path, tmp_path / "dataset_raw" / "me")
    joe = find_weights("joe")
    with serving(tmp_path / "cache", monkeypatch) as hub:
        give(hub, {"G_106000.pth": joe.read_bytes(), "config.json": joe.with_name("config.json").read_bytes()})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        monkeypatch.setenv("MYNA_TRAINING_MINUTES", "0.1")
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        client = NotebookClient(
            notebook, kernel_name="python3", timeout=300, resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "a voice of myna" in printed
    assert "saved" in printed
    assert (tmp_path / "vocals.out.flac").is_file()
    assert (tmp_path / "mine.flac").is_file()


def test_the_notebook_installs_this_package_and_has_no_dead_badge() -> None:
    first, *_, install = nbformat.read(ROOT / "docs" / "first_song.ipynb", as_version=4).cells[:3]
    assert "colab.research" not in first.source  # until there is a public repository that a badge can open
    (package,) = re.findall(r"^%pip install -q (\w+)$", install.source)
    assert package == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]


def give(hub: Hub, files: dict[str, bytes]) -> None:
    hub.give("owner/voice", files, revision="main")
