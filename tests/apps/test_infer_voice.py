"""`svc infer` with a voice on disk: real weights (random ones), real pitch, the whole command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from myna import checkpoint
from myna.apps.cli import main
from myna.config import Config
from myna.models.synthesizer import Synthesizer
from myna.zoo.sovits import generator_to_field

RATE = 16000
CONFIG = {
    "data": {"sampling_rate": RATE, "filter_length": 640, "hop_length": 160, "win_length": 640},
    "model": {
        **{"inter_channels": 8, "hidden_channels": 8, "filter_channels": 16, "n_heads": 2, "n_layers": 1},
        **{"upsample_rates": [10, 4, 4], "upsample_kernel_sizes": [20, 8, 8], "upsample_initial_channel": 16},
        **{"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]], "gin_channels": 8},
        **{"ssl_dim": 16, "n_speakers": 2, "n_flow_layer": 2, "speech_encoder": "whisper-base"},
    },
    "spk": {"Sängerin": 0, "tenor": 1},
    "pitch": {"tenor": {"median_hz": 120.0, "low_hz": 90.0, "high_hz": 200.0}},
}


class BandEnergies:
    """A content encoder that needs no weights: 16 band energies, 50 frames a second."""

    channels = 16

    def __call__(self, audio: torch.Tensor) -> torch.Tensor:
        frames = audio[: len(audio) // 320 * 320].reshape(-1, 320)
        return torch.fft.rfft(frames).abs()[:, :160].reshape(-1, 16, 10).mean(2).T


@pytest.fixture(autouse=True)
def _voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    config = Config.parse(CONFIG)
    config.write("voice/config.json")
    weights = generator_to_field(Synthesizer(config.model, config.data).state_dict())
    for step in (9, 10):
        checkpoint.write(f"voice/G_{step}.pth", checkpoint.Checkpoint(weights, step, 1e-4, None))
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
