"""`svc doctor` says what hinders myna, what to do about it, and nothing private."""

from __future__ import annotations

import json
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from myna.apps.actions import doctor
from myna.apps.actions.doctor import Check, Diagnosis, diagnose
from myna.apps.cli import main
from myna.assets import ASSETS, presence

ROOT = Path(__file__).parents[2]
TORCH = {"version": "2.13.0+cpu", "cuda": None, "hip": None, "nvidia_driver": False, "device": None}
GPU = TORCH | {"version": "2.13.0", "cuda": "12.8", "device": "cuda", "reason": "RTX 4070", "nvidia_driver": True}
SOUND = {"pyav": "18", "libsndfile": "1.2", "decoders": ["mp3"]}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers of the processes that load native libraries; a test may change them."""
    found: dict[str, Any] = {"torch": dict(TORCH), "sound": dict(SOUND), "microphone": {"installed": False}}

    def probe(name: str) -> doctor._Probed:
        answer = found[name]
        return doctor._Probed(None, answer) if isinstance(answer, str) else doctor._Probed(answer)

    monkeypatch.setattr(doctor, "_probe", probe)
    return found


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without any file, and a machine with enough disk and memory."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: doctor.shutil._ntuple_diskusage(10**12, 0, 10**12))
    monkeypatch.setattr(doctor, "_memory", lambda: (16 * 10**9, 9 * 10**9))
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["doctor", *arguments])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def by_name(found: Diagnosis) -> dict[str, Check]:
    return {check.name: check for check in found.checks}


def test_this_machine_is_checked_and_nothing_is_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    code, out, said = run(capsys, "--json", "--folder", str(tmp_path / "none"))
    assert time.monotonic() - started < 30 and list(tmp_path.iterdir()) == []
    report = json.loads(out)
    names = [check["name"] for check in report["checks"]]
    assert {"myna", "python", "torch", "device", "sound", "portaudio", "packages", "extra_onnx", "memory"} <= set(names)
    assert {"workspace", "cache", "bundled", "contentvec", "rmvpe", "base so-vits-svc-4.1"} <= set(names)
    assert len(names) == len(set(names))
    assert all(set(check) >= {"name", "title", "state", "text", "remedy", "facts"} for check in report["checks"])
    assert all(check["remedy"] for check in report["findings"])
    assert str(Path.home()) not in out or Path.home() == Path("/")
    assert (code == 0) == ("error" not in report) and (code == 0) == (not said)


def test_a_healthy_machine_is_a_few_lines(
    answers: dict[str, Any], empty_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, said = run(capsys)
    assert (code, said) == (0, "")
    assert "device: cpu (PyTorch 2.13.0+cpu is built for the CPU only)" in out and "PROBLEM" not in out
    assert len(out.splitlines()) < 10
    everything = run(capsys, "-v")[1]
    assert "contentvec: not here, 378 MB" in everything and "~/myna, 1000.0 GB free" in everything


def test_findings_come_first_with_one_remedy_and_determine_the_exit_code(
    answers: dict[str, Any], empty_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["torch"] = "it does not load: libcudart.so.12: cannot open shared object file"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, out, said = run(capsys)
    first, remedy, note, *_ = out.splitlines()
    assert code == 7 and first.startswith("PROBLEM  PyTorch: it does not load: libcudart")
    assert remedy.strip() == "pip install --force-reinstall torch" and note.startswith("note")
    assert said.startswith("svc: PyTorch: it does not load")
    code, out, _ = run(capsys, "--json")
    report = json.loads(out)
    assert (code, report["error"]["code"]) == (7, "missing_extra")
    assert [finding["name"] for finding in report["findings"]] == ["torch", "offline"]


def nothing(answers: dict[str, Any], home: Path, patch: pytest.MonkeyPatch) -> None:
    del answers, home, patch


def low_memory(answers: dict[str, Any], home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doctor, "_memory", lambda: (10**9, 10**8))


def full_disk(answers: dict[str, Any], home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doctor.shutil, "disk_usage", lambda path: doctor.shutil._ntuple_diskusage(10**9, 10**9, 10**6))


def read_only(answers: dict[str, Any], home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doctor, "_writable", lambda folder: False)


def no_assets_folder(answers: dict[str, Any], home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MYNA_ASSETS", str(home / "gone"))


def damaged_asset(answers: dict[str, Any], home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MYNA_ASSETS", str(home))
    (home / "rmvpe.pt").write_text("version https://git-lfs.github.com/spec/v1\n")


@pytest.mark.parametrize(
    ("disturb", "code", "found"),
    [
        (nothing, 0, []),
        (low_memory, 8, ["memory"]),
        (full_disk, 4, ["workspace", "cache"]),
        (read_only, 4, ["workspace"]),
        (no_assets_folder, 5, ["assets_folder"]),
        (damaged_asset, 6, ["rmvpe"]),
    ],
)
def test_each_hindrance_has_the_code_of_its_kind(
    disturb: Callable[[dict[str, Any], Path, pytest.MonkeyPatch], None],
    code: int,
    found: list[str],
    answers: dict[str, Any],
    empty_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disturb(answers, empty_home, monkeypatch)
    diagnosis = diagnose(empty_home / "myna")
    bad = [check for check in diagnosis.checks if check.state == "bad"]
    assert [check.name for check in bad] == found and all(check.remedy for check in bad)
    assert (0 if diagnosis.error is None else diagnosis.error.exit_code) == code
    assert all(str(empty_home) not in check.text for check in diagnosis.checks)


def test_the_device_has_a_reason(answers: dict[str, Any], empty_home: Path) -> None:
    answers["torch"] = GPU | {"free_bytes": 7 * 10**9, "total_bytes": 8 * 10**9}
    checks = by_name(diagnose(empty_home))
    assert checks["device"].text == "cuda (RTX 4070)" and checks["gpu_memory"].text == "7.0 GB of 8.0 GB free"
    answers["torch"] = TORCH | {"nvidia_driver": True}
    device = by_name(diagnose(empty_home))["device"]
    assert device.state == "note" and "although this computer has an NVIDIA driver" in device.text
    assert "pytorch.org" in device.remedy


def test_the_microphone_is_named(answers: dict[str, Any], empty_home: Path) -> None:
    heard = {"installed": True, "portaudio": "PortAudio V19", "input": "USB microphone", "output": None}
    answers["microphone"] = heard
    assert by_name(diagnose(empty_home))["portaudio"].text == "PortAudio V19, microphone: USB microphone"
    answers["microphone"] = heard | {"input": None}
    assert by_name(diagnose(empty_home))["portaudio"].state == "note"
    answers["microphone"] = "loading it crashes (signal 11)"
    assert by_name(diagnose(empty_home))["portaudio"].state == "note"


@pytest.mark.skipif(sys.platform == "win32", reason="it has no signals")
def test_a_library_that_crashes_or_hangs_does_not_end_the_doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "doctor.py"))
    (tmp_path / "doctor_probe.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert doctor._probe("torch").problem == "loading it crashes (signal 11)"
    (tmp_path / "doctor_probe.py").write_text("raise OSError('no libpython')")
    assert doctor._probe("torch").problem == "it does not load: OSError: no libpython"
    (tmp_path / "doctor_probe.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(doctor, "_PROBE_SECONDS", 0.2)
    assert "does not load within" in doctor._probe("torch").problem


def test_a_check_that_fails_or_hangs_hides_no_other(
    answers: dict[str, Any], empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_CHECK_SECONDS", -0.9)
    monkeypatch.setattr(doctor, "_check_memory", lambda: time.sleep(20))
    monkeypatch.setattr(doctor, "_check_files", lambda shown: 1 / 0)
    started = time.monotonic()
    checks = by_name(diagnose(empty_home))
    assert time.monotonic() - started < 10
    assert checks["memory"].state == "note" and "no answer" in checks["memory"].text
    assert "torch" in checks


def test_every_extra_is_checked() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(extras) - {"dev"} <= set(doctor._EXTRAS)


def test_files_are_found_where_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path))
    assert not presence.asset_here("rmvpe").here
    source = ASSETS["rmvpe"].source
    repository = tmp_path / "cache" / "models--lj1995--VoiceConversionWebUI"
    cached = repository / "snapshots" / source.revision / "rmvpe.pt"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    assert presence.asset_here("rmvpe").paths == (cached,)
    (tmp_path / "rmvpe.pt").write_bytes(b"other weights")
    assert presence.asset_here("rmvpe").paths == (tmp_path / "rmvpe.pt",)
    # Base weights need both files.
    folder = tmp_path / "so-vits-svc-4.1"
    folder.mkdir()
    (folder / "G_0.pth").write_bytes(b"weights")
    assert not presence.base_weights_here("so-vits-svc-4.1").here
    (folder / "D_0.pth").write_bytes(b"weights")
    assert presence.base_weights_here("so-vits-svc-4.1").size == 14
    assert presence.base_weights_here("myna-lite").here
