"""An exported ONNX graph gives the same output as PyTorch, for any length, speaker and seed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from click.testing import CliRunner
from small_voices import EXPORTED, GOLDEN, generate
from torch import Tensor

from myna.apps.cli import svc
from myna.config import Config
from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.features.content.embedded import AHEAD_FRAMES, load_embedded
from myna.models.families import SYNTHESIZERS
from myna.models.interface import SynthesizerModule
from myna.models.noise import SeededNoise
from myna.models.synthesizers.light import LightSynthesizer
from myna.onnx.export import TOLERANCE, as_graph, content_graph
from myna.onnx.runtime import OnnxSynthesizer
from myna.voice import Voice
from myna.zoo.inspection import inspect
from myna.zoo.opening import open_voice

# Fewer of the same layers, since the export is slow.
SHALLOW = {
    **{"n_layers": 1, "n_flow_layer": 1, "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[3]]},
    "use_automatic_f0_prediction": False,
}
TWO_STEPS = {"upsample_rates": [32, 16], "upsample_kernel_sizes": [64, 32]}


def song(config: Config, n_frames: int) -> dict[str, Tensor]:
    """Random content with a moving pitch."""
    random = torch.Generator().manual_seed(n_frames)
    return {
        "content": torch.randn(1, config.model.content_channels, n_frames, generator=random),
        "f0": 200 + 100 * torch.rand(1, n_frames, generator=random).cumsum(1).sin(),
        "voiced": torch.rand(1, n_frames, generator=random) > 0.3,
        "loudness": -30 + 10 * torch.randn(1, n_frames, generator=random),
    }


def difference(voice: SynthesizerModule, graph: OnnxSynthesizer, **chosen: Any) -> float:
    """Maximum difference between both outputs for one seed."""
    chosen = {"noise_scale": 0.4} | chosen
    sung = [generate(one, **chosen, noise=SeededNoise.of(7)).audio for one in (voice, graph)]
    assert sung[0].shape == sung[1].shape and sung[0].any()
    return float((sung[0] - sung[1]).abs().max())


def assert_same_output(voice: SynthesizerModule, graph: OnnxSynthesizer, config: Config, **chosen: Any) -> None:
    for n_frames in (3, 50, 300):
        inputs = song(config, n_frames)
        mix = torch.rand(1, config.model.n_speakers, n_frames).softmax(1)
        for speaker in (torch.tensor([0]), torch.tensor([1]), mix[..., :1], mix):
            assert difference(voice, graph, **inputs, speaker=speaker, **chosen) < TOLERANCE


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice.load(EXPORTED)


def test_predicted_pitch_equals_the_predecessors(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(EXPORTED / "golden.npz") as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays}
    graph = Voice.load(exported).synthesizer
    inputs = (golden["content"], golden["f0"], golden["uv"] > 0, golden["speaker"][:, 0])
    assert torch.equal(generate(graph, *inputs, noise_scale=0).f0, golden["f0"])
    predicted = generate(graph, *inputs, noise_scale=0, predict_f0=True)
    assert (predicted.audio - golden["audio_predicted_f0"]).abs().max() < TOLERANCE


@pytest.mark.parametrize("noise_scale", [0.0, 0.8])
def test_output_is_the_same_for_any_length_speaker_and_noise_scale(
    voice: Voice, exported: Path, noise_scale: float
) -> None:
    graph = OnnxSynthesizer(exported)
    assert_same_output(voice.synthesizer, graph, voice.config, noise_scale=noise_scale)  # type: ignore[arg-type]


def test_the_file_contains_the_configuration_of_the_voice(voice: Voice, exported: Path) -> None:
    assert Voice.load(exported).config == voice.config
    card = json.loads(OnnxSynthesizer(exported).metadata["myna"])
    assert (card["author"], card["family"], card["content_encoder"]) == ("Anna", "so-vits-svc", "vec768l12")
    for trace in (b"site-packages", b".py", str(GOLDEN).encode()):
        assert trace not in exported.read_bytes()  # no path of the exporting machine


def test_the_commands_accept_the_exported_file(
    voice: Voice, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    found = inspect(exported)
    assert (found.what, found.sings, found.trainable) == ("a voice of so-vits-svc 4 as an ONNX graph", True, False)
    assert (found.author, found.content_encoder, found.iteration) == ("Anna", "vec768l12", 3)
    assert found.speakers == inspect(EXPORTED / "G_3.pth").speakers
    listed = CliRunner().invoke(svc, ["voices", str(exported.parent)], catch_exceptions=False)
    assert f"{exported}\n  a voice of so-vits-svc 4 as an ONNX graph" in listed.stdout
    for words in (["pack", "-m"], ["export", "-m"], ["mix", str(EXPORTED / "G_3.pth")]):
        output = tmp_path / ("other.onnx" if words[0] == "export" else "other.safetensors")
        refused = CliRunner().invoke(svc, [*words, str(exported), "-o", str(output)])
        assert "ONNX graph" in str(refused.exception) and "file that it was exported from" in str(refused.exception)
        assert not output.exists()


class RandomContent:
    """Content encoder without weights."""

    channels = 768

    def __call__(self, audio: Tensor) -> Tensor:
        return torch.randn(768, max(len(audio) // 320, 1), generator=torch.Generator().manual_seed(len(audio)))


def test_svc_infer_runs_with_both_engines(
    voice: Voice, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: RandomContent())
    # Another export would be slow.
    monkeypatch.setattr("myna.onnx.export.as_graph", lambda synthesizer, config: OnnxSynthesizer(exported))
    time = np.arange(16000) / 16000
    soundfile.write(tmp_path / "song.wav", 0.1 * sum(np.sin(2 * np.pi * 220 * k * time) for k in range(1, 6)), 16000)
    engines = {"torch": (EXPORTED,), "file": (exported,), "onnx": (EXPORTED, "--engine", "onnx")}
    sung = {}
    for name, model in engines.items():
        output = tmp_path / f"{name}.wav"
        arguments = ["infer", tmp_path / "song.wav", "-o", output, "-d", "cpu", "-m", *model]
        done = CliRunner().invoke(svc, [str(one) for one in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        sung[name], _ = soundfile.read(output)
    assert np.abs(sung["torch"]).max() > 0.01
    np.testing.assert_allclose(sung["file"], sung["torch"], atol=TOLERANCE)
    np.testing.assert_array_equal(sung["onnx"], sung["file"])


def test_other_onnx_files_are_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="to use PyTorch"):
        Voice.load(exported, engine="torch")
    broken, other = tmp_path / "broken.onnx", tmp_path / "other.onnx"
    broken.write_bytes(exported.read_bytes()[:5000])
    other.write_bytes(tiny_graph())
    with pytest.raises(CheckpointError, match=r"broken\.onnx is damaged"):
        Voice.load(broken)
    with pytest.raises(CheckpointError, match="not a voice that svc export wrote"):
        Voice.load(other)
    inputs = song(Config.read(EXPORTED / "config.json"), 4)
    twice = {name: value.repeat(2, *[1] * (value.dim() - 1)) for name, value in inputs.items()}
    with pytest.raises(ConfigError, match="one recording at a time"):
        generate(OnnxSynthesizer(exported), **twice, speaker=torch.tensor([0, 1]))


def tiny_graph() -> bytes:
    """ONNX graph that is not a voice."""
    import onnx.helper as make

    value = [make.make_tensor_value_info(name, 1, [1]) for name in ("x", "y")]
    graph = make.make_graph([make.make_node("Abs", ["x"], ["y"])], "abs", value[:1], value[1:])
    opset = make.make_opsetid("", 18)
    content: bytes = make.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()
    return content


def test_the_error_for_the_missing_extra_says_what_to_install(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'myna\[onnx\]'"):
        as_graph(voice.synthesizer, voice.config)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("folder", "more"),
    [
        ("4.1/nsf-snake-hifigan-vol", TWO_STEPS | {"use_transformer_flow": True, "n_layers_trans_flow": 1}),
        ("fork/quickvc-istft", {"use_depthwise_conv": True, "flow_share_parameter": True, "n_flow_layer": 2}),
        ("fork/quickvc-mb-istft", {}),
    ],
)
def test_every_decoder_and_flow_is_exported(folder: str, more: dict[str, Any]) -> None:
    assert_same_output_when_shallow(Config.read(GOLDEN / folder / "config.json"), more)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("rvc/v1-48k.pth", {"upsample_rates": [24, 20], "upsample_kernel_sizes": [48, 40]}),
        ("rvc/v2-32k-nono.pth", {}),
    ],
)
def test_voices_of_rvc_are_exported(path: str, more: dict[str, Any]) -> None:
    assert_same_output_when_shallow(open_voice(GOLDEN / path).config, more)


def assert_same_output_when_shallow(config: Config, more: dict[str, Any]) -> None:
    config = config.with_values(model=SHALLOW | more)
    torch.manual_seed(0)
    synthesizer = SYNTHESIZERS[config.model.synthesizer](config.model, config.data).eval()
    for parameter in synthesizer.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    synthesizer.fuse()
    assert_same_output(synthesizer, as_graph(synthesizer, config), config)


def test_a_light_voice_is_exported() -> None:
    small = {"inter_channels": 16, "hidden_channels": 24, "n_layers": 2, "n_fine_layers": 1, "gin_channels": 4}
    config = Config.template("myna-lite").with_values(model=small | {"ssl_dim": 8, "n_speakers": 3})
    torch.manual_seed(0)
    synthesizer = LightSynthesizer(config.model, config.data).eval()
    synthesizer.highest_hz[1] = 9000
    graph = as_graph(synthesizer, config)
    assert_same_output(synthesizer, graph, config)
    # Longer than the chunks that PyTorch computes.
    assert difference(synthesizer, graph, **song(config, 1100), speaker=torch.tensor([1])) < TOLERANCE


@pytest.mark.parametrize("name", AHEAD_FRAMES)
def test_the_content_encoders_are_exported(name: str) -> None:
    encoder = load_embedded(name)
    session = onnxruntime.InferenceSession(content_graph(encoder.network), providers=["CPUExecutionProvider"])
    for n_samples in (5000, 16000, 51234):
        audio = 0.1 * torch.randn(n_samples, generator=torch.Generator().manual_seed(n_samples))
        (content,) = session.run(["content"], {"audio": audio[None].numpy()})
        np.testing.assert_allclose(content[0], encoder(audio).numpy(), atol=1e-3)
