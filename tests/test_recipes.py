"""Each recipe runs from its first step to its last on clips of two seconds, with a small random teacher."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from myna.apps.cli import svc
from myna.assets import BUNDLED_WEIGHTS
from myna.config import Config
from myna.features.content.embedded import AHEAD_FRAMES, CHANNELS, CODE_CHANNELS, ContentNetwork, load_embedded
from myna.features.content.whisper import WhisperDimensions, WhisperEncoder
from myna.features.f0.live import PitchNetwork
from myna.models.layers.convolution import TimeConv1d, TimeUpsampling
from myna.storage import checkpoint
from myna.storage.quantization import unpacked
from myna.voice import Voice
from recipes.base_voice import causal as make_causal
from recipes.base_voice import export as export_voice
from recipes.base_voice import gather
from recipes.content_encoder import distill, synthesize
from recipes.pitch import train as train_pitch

RATE = 16000
SECONDS = 2.0
TRAINING = {
    "speech/librispeech": ("19-1-0000", "19-1-0001"),
    "singing": ("vocadito_10",),
    "target/ljspeech": ("LJ001-0001", "LJ001-0002"),
    "target/martin-notes": ("c3",),
}
HELD_OUT_SECONDS = 0.8
HELD_OUT = {  # two speakers of the probes, each for training and for testing, and two others
    "speech/librispeech": ("1688-1-0007", "1688-1-0008", "1998-1-0007", "1998-1-0008", "103-1-0000", "1034-1-0000"),
    "speech/libritts": ("84-1-0000",),
    "singing": ("vocadito_1",),
}
SPEAKERS = {"librispeech-19", "ljspeech", "martin-notes", "vocadito_10", "joe"}


def phrase(seconds: float, hz: float, seed: int) -> np.ndarray:
    """Four notes with harmonics, and some noise, so that no two frames are the same."""
    t = np.arange(round(seconds * RATE)) / RATE
    semitones = np.random.default_rng(seed).integers(0, 8, 4)[(t / seconds * 4).astype(int)]
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (semitones / 12)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return 0.1 * sum(np.sin(k * phase) / k for k in range(1, 9)) + 0.003 * noise


def speak(line: str, length_scale: float, noise_scale: float) -> synthesize.Speech:
    """Stand-in for the Piper voice: two phones, one a second."""
    return synthesize.Speech(phrase(SECONDS, 110, len(line)), RATE, [("a", RATE), ("b", RATE)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the recordings that the recipes expect, and `joe/`."""
    data = tmp_path_factory.mktemp("data")
    for recordings, seconds in ((TRAINING, SECONDS), (HELD_OUT, HELD_OUT_SECONDS)):
        for folder, names in recordings.items():
            (data / folder).mkdir(parents=True, exist_ok=True)
            for number, name in enumerate(names):
                sound = phrase(seconds, 110 + 20 * number, number)
                soundfile.write(data / folder / f"{name}.flac", sound, RATE)
    synthesize.write_lines(speak, data / "joe", limit=3)
    return data


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.timeout(400)  # half a minute of work; more where the processor is shared
def test_content_encoder(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    teacher = WhisperEncoder(WhisperDimensions(n_mels=80, channels=CHANNELS, n_layers=3)).state_dict()
    save_file({f"encoder.{name}": tensor.contiguous() for name, tensor in teacher.items()}, tmp_path / "teacher")

    def step(name: str, *arguments: str) -> str:
        paths = ("--folder", str(tmp_path), "--joe", str(data / "joe"), "--teacher", str(tmp_path / "teacher"))
        distill.main([name, *paths, *arguments])
        return capsys.readouterr().out

    step("prepare", "--data", str(data))
    step("targets")
    step("train", "--steps", "1", "--batch-size", "2")
    step("train", "--steps", "2", "--batch-size", "2")  # resumes
    table = step("probe")
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:4]] == [
        "speaker of a recording, of 10",
        "speaker of a frame, of 10",
    ]
    assert table.splitlines()[0].split() == ["|", "|", "teacher", "|", "its", "components", "|", "main", "|"]
    assert "normed" in step("layers").splitlines()[0]
    step("export", "--output", str(tmp_path / "encoder.safetensors"))

    step("train", "--encoder", "myna-content-2", "--run", "live", "--steps", "1", "--batch-size", "2")
    step("export", "--encoder", "myna-content-2", "--run", "live", "--output", str(tmp_path / "live.safetensors"))

    for name, path in (("myna-content-1", "encoder.safetensors"), ("myna-content-2", "live.safetensors")):
        network = ContentNetwork(AHEAD_FRAMES[name])
        network.load_state_dict(unpacked(load_file(tmp_path / path)))
        content = network(torch.from_numpy(phrase(SECONDS, 220, 0)).float()[None])
        assert content.shape == (1, CODE_CHANNELS, 100) and content.isfinite().all()
    # The content of the second encoder has the meaning of the first one's, as it is in the package.
    given = load_embedded("myna-content-1").network.codes.weight.detach()
    torch.testing.assert_close(network.codes.weight, given, atol=0.02 * float(given.abs().max()), rtol=0)

    train_pitch.main([str(tmp_path / "corpus"), "--steps", "1", "--output", str(tmp_path / "pitch.safetensors")])
    PitchNetwork().load_state_dict(load_file(tmp_path / "pitch.safetensors"))


def test_kernels_moved_to_the_past_give_the_same_output_for_an_unchanging_input(tmp_path: Path) -> None:
    make_causal.main([str(BUNDLED_WEIGHTS / "myna-lite"), str(tmp_path)])
    before, after = (checkpoint.read(path / "G_0.pth").weights for path in (BUNDLED_WEIGHTS / "myna-lite", tmp_path))
    assert (tmp_path / "D_0.pth").exists() and before.keys() == after.keys()

    def output(weights: dict[str, torch.Tensor], causal: bool) -> torch.Tensor:
        size = weights["dec.input_conv.weight"].shape
        convolution = TimeConv1d(size[1], size[0], size[2], causal=causal)
        upsampling = TimeUpsampling(size[0], 2, causal=causal)
        convolution.load_state_dict({key: weights[f"dec.input_conv.{key}"].float() for key in ("weight", "bias")})
        upsampling.load_state_dict({key: weights[f"dec.upsample.{key}"].float() for key in ("weight", "bias")})
        return upsampling(convolution(torch.linspace(-1, 1, size[1])[None, :, None].expand(1, -1, 20)))[..., 8:-8]

    torch.testing.assert_close(output(before, False), output(after, True), atol=1e-4, rtol=1e-3)


def test_base_voice(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gather.main([str(data), str(data / "joe"), "dataset_raw"])
    assert {path.name for path in Path("dataset_raw").iterdir()} == SPEAKERS
    assert Config.template("myna-lite").model.n_speakers >= len(SPEAKERS)

    template = Config.template("myna-lite").with_values(
        model={"inter_channels": 8, "hidden_channels": 8, "n_layers": 1, "n_fine_layers": 1, "gin_channels": 4},
        train={"num_workers": 0, "batch_size": 2, "segment_size": 8192, "bf16_run": False},
        data={"content_versions": 0},
    )
    template.write("template.json")
    for command in (
        ["pre-resample", "-n", "1"],
        ["pre-config", "-t", "template.json"],
        ["pre-hubert", "-fm", "dio"],
        ["train", "--from-scratch", "--max-steps", "1", "--device", "cpu"],
    ):
        svc.main(command, standalone_mode=False)

    export_voice.main(["base", "logs/44k", "base"])
    base = checkpoint.read(Path("base/G_0.pth")).weights["emb_g.weight"]
    assert base.dtype == torch.float16
    assert torch.equal(base, base[:1].repeat(Config.template("myna-lite").model.n_speakers, 1))
    assert checkpoint.read(Path("base/D_0.pth"), "D").weights

    export_voice.main(["voice", "logs/44k", "voice", "--speaker", "joe"])
    voice = Voice.load("voice")
    assert list(voice.config.speakers) == ["joe"]


def test_a_voice_is_exported_only_with_its_speaker(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        export_voice.main(["voice", "logs/44k", "voice"])
    assert "--speaker is needed" in capsys.readouterr().err


def test_the_lines_to_speak_have_their_phones(data: Path) -> None:
    spoken = json.loads((data / "joe" / "joe-0000.json").read_text("utf-8"))
    assert spoken["phones"] == [["a", 1.0], ["b", 2.0]] and spoken["text"].endswith((".", "?", "!"))
