"""`svc infer` with a voice on disk: real weights (random ones), real pitch, the whole command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_voice import RATE, BandEnergies, write_voice

from myna.apps.cli import main


@pytest.fixture(autouse=True)
def _voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    monkeypatch.chdir(tmp_path)
    write_voice("voice", 9, 10)
    time = np.arange(3 * 44100) / 44100
    tone = sum(np.sin(2 * np.pi * 240 * k * time) / k for k in range(1, 9)) * 0.1
    soundfile.write("song.flac", np.stack([tone, tone], axis=1), 44100)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["infer", *arguments])
    return int(ended.value.code or 0)


def test_a_folder_of_checkpoints_sings_a_file_in_the_pitch_of_the_speaker(capsys: pytest.CaptureFixture[str]) -> None:
    assert svc("song.flac", "-m", "voice", "-s", "tenor", "--auto-transpose", "-d", "cpu", "--json") == 0
    (summary,) = json.loads(capsys.readouterr().out)["converted"]
    assert (summary["output"], summary["transpose"]) == ("song.out.flac", -12)
    assert summary["source_pitch"]["median_hz"] == pytest.approx(240, rel=0.01)
    sung, rate = soundfile.read("song.out.flac")
    assert (rate, len(sung)) == (RATE, 3 * RATE) and np.abs(sung).max() > 0


def test_the_same_seed_gives_the_same_file() -> None:
    for name, seed in (("a.wav", "3"), ("b.wav", "3"), ("c.wav", "4")):
        assert svc("song.flac", "-o", name, "-m", "voice/G_9.pth", "--seed", seed, "-d", "cpu") == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes() != Path("c.wav").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-m", "voice", "-s", "Anna"], "no speaker 'Anna'; this voice has: Sängerin, tenor"),
        (["-m", "voice", "-s", "Sängerin", "--auto-transpose"], "choose the shift with --transpose"),
        (["-m", "nowhere"], "nowhere"),
        ([], "logs"),
    ],
)
def test_a_voice_that_is_not_there_or_not_asked_rightly(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert svc("song.flac", *arguments, "-d", "cpu") == 1
    assert reason in capsys.readouterr().err.splitlines()[-1]
    assert not Path("song.out.flac").exists()
