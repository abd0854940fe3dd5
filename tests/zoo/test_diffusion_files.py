"""Files of refiners: names of tensors, yaml files, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner

from golden import conv_denoiser
from myna.apps.cli import svc
from myna.errors import CheckpointError, ConfigError
from myna.storage import torch_file
from myna.zoo import diffusion
from myna.zoo.diffusion import RefinerConfig, open_refiner
from myna.zoo.inspection import inspect
from myna.zoo.opening import open_voice

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion"
Content = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in GOLDEN.glob("[dm]*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def changed(folder: Path, change: Callable[[Content], Any]) -> Path:
    """Apply `change` to the content of the weights file."""
    content = torch_file.read(GOLDEN / "model_1.pt")
    change(content)
    torch.save(content, folder / "model_1.pt")
    return folder / "model_1.pt"


def with_yaml(folder: Path, section: str, **values: Any) -> Path:
    """Change values of the yaml file."""
    path = folder / "diffusion.yaml"
    content = yaml.safe_load(path.read_text())
    content[section] |= values
    path.write_text(yaml.safe_dump(content))
    return path


def test_names_and_constants_are_those_of_so_vits_svc() -> None:
    opened = open_refiner(GOLDEN / "model_1.pt")
    stored = diffusion.to_stored(opened.build().state_dict(), "diffusion", opened.sizes)
    assert stored.keys() == opened.weights.keys()
    for name, tensor in opened.weights.items():
        torch.testing.assert_close(stored[name], tensor, rtol=1e-6, atol=0, msg=name)


def test_names_of_a_rectified_flow_are_one_to_one(tmp_path: Path) -> None:
    opened = open_refiner(GOLDEN / "model_1.pt")
    module = diffusion.MODULES["rectified-flow"](opened.sizes)
    stored = diffusion.to_stored(module.state_dict(), "rectified-flow", opened.sizes)
    torch.save({"model": stored}, tmp_path / "model_5.pt")
    again = open_refiner(tmp_path / "model_5.pt")
    assert again.kind == "rectified-flow"
    assert all(torch.equal(tensor, again.build().state_dict()[name]) for name, tensor in module.state_dict().items())
    assert inspect(tmp_path / "model_5.pt").what == "a rectified flow, which refines a voice"


def test_the_yaml_file_completes_the_weights(folder: Path) -> None:
    opened = open_refiner(folder / "model_1.pt")
    assert (opened.config.spk, opened.config.method(opened.kind), opened.config.infer.speedup) == (
        {"alice": 0, "bob": 1},
        "dpm-solver++",
        10,
    )
    assert (opened.sizes.max_k_step, opened.sizes.n_levels, opened.step, opened.remarks) == (300, 1000, 1, [])


def test_without_a_yaml_file_the_weights_suffice(folder: Path) -> None:
    (folder / "diffusion.yaml").unlink()
    opened = open_refiner(folder / "model_1.pt")
    assert (opened.sizes.content_channels, opened.sizes.n_speakers, opened.sizes.max_k_step) == (24, 2, 1000)
    assert "assumed are a sample rate of 44100 Hz" in opened.remarks[0]


def test_a_yaml_file_is_written_as_it_was_read(folder: Path) -> None:
    config = RefinerConfig.read(folder / "diffusion.yaml")
    config.write(folder / "again.yaml")
    original = yaml.safe_load((folder / "diffusion.yaml").read_text())
    assert yaml.safe_load((folder / "again.yaml").read_text()) == original
    assert RefinerConfig.read(folder / "again.yaml") == config


def test_the_newest_file_of_a_folder_is_opened(folder: Path) -> None:
    for number in (900, 1000):
        shutil.copy(folder / "model_1.pt", folder / f"model_{number}.pt")
    assert open_refiner(folder).path.name == "model_1000.pt"


def test_a_model_in_half_precision_is_opened(folder: Path) -> None:
    path = changed(folder, lambda content: content.update(model={n: t.half() for n, t in content["model"].items()}))
    found = inspect(path)
    assert (found.facts["usable"], found.suspicious) == ("yes, with -dm", [])


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("model", {"n_layers": 4}, "model.n_layers is 4, but the weights have 3"),
        ("model", {"n_spk": 3}, "model.n_spk is 3, but the weights have 2"),
        ("model", {"use_pitch_aug": False}, "model.use_pitch_aug is False, but the weights have True"),
        ("data", {"encoder_out_channels": 768}, "data.encoder_out_channels is 768, but the weights have 24"),
        ("model", {"use_speaker_encoder": True}, "a model with a speaker encoder, which cannot be used here"),
        ("model", {"n_chans": "many"}, "model.n_chans: input should be a valid integer"),
        ("data", {"sampling_rate": -1}, "data.sampling_rate: input should be greater"),
    ],
)
def test_a_yaml_file_that_does_not_fit_is_refused(
    folder: Path, section: str, values: dict[str, Any], message: str
) -> None:
    with_yaml(folder, section, **values)
    with pytest.raises(ConfigError, match=message) as raised:
        open_refiner(folder / "model_1.pt")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir [proof]",
        "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]",
        "[" * 3000,
        "- a list",
        "\x00",
        "spk: {a: 1",
        "infer: {speedup: 1e999}",
    ],
)
def test_a_hostile_yaml_file_is_refused(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "diffusion.yaml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        open_refiner(folder / "model_1.pt")
    assert "\n" not in str(raised.value)
    assert not (folder / "proof").exists()


def drop(name: str) -> Callable[[Content], Any]:
    return lambda content: content["model"].pop(name)


def put(name: str, tensor: torch.Tensor) -> Callable[[Content], Any]:
    return lambda content: content["model"].update({name: tensor})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("volume_embed.weight"), "loudness_embedding.weight is missing"),
        (drop("decoder.betas"), "cannot be used as a refiner"),
        (drop("decoder.denoise_fn.residual_layers.0.dilated_conv.weight"), "cannot be used as a refiner|is missing"),
        (put("decoder.betas", torch.linspace(1e-4, 0.06, 1000) ** 2), "its betas differs from so-vits-svc 4.1's"),
        (put("decoder.spec_min", torch.full((1, 1, 1), -5.0)), "its spec_min differs"),
        (put("decoder.denoise_fn.input_projection.weight", torch.ones(24, 128)), "cannot be used as a refiner"),
        (put("unknown", torch.ones(1)), "unknown is unexpected"),
    ],
)
def test_damaged_weights_are_refused(folder: Path, change: Callable[[Content], Any], message: str) -> None:
    path = changed(folder, change)
    with pytest.raises(CheckpointError, match=message) as raised:
        open_refiner(path).build()
    assert "\n" not in str(raised.value)


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no model_"):
        open_refiner(tmp_path)
    with pytest.raises(CheckpointError, match=r"there is no .*absent"):
        open_refiner(tmp_path / "absent")
    voice = GOLDEN.parent / "fork" / "quickvc" / "G_3.pth"
    with pytest.raises(CheckpointError, match="is not a diffusion model; 'svc inspect"):
        open_refiner(voice)
    with pytest.raises(CheckpointError, match="give it with -dm, beside a voice"):
        open_voice(GOLDEN / "model_1.pt")


def test_inspect_names_the_model_and_its_training(folder: Path) -> None:
    result = CliRunner().invoke(svc, ["inspect", "--json", str(folder / "model_1.pt")])
    (found,) = json.loads(result.stdout)["files"]
    assert "a diffusion model (of so-vits-svc 4.1" in found["what"]
    assert found["facts"] == {
        "content": "vec768l12, 24 channels",
        "speakers": "alice, bob",
        "sample rate": "44100 Hz",
        "mel bands": "128",
        "frames": "512 samples",
        "channels": "24, 3 layers",
        "noise levels": "1 to 300 of 1000",
        "trained": "step 1",
        "usable": "yes, with -dm",
    }
    with_yaml(folder, "model", n_layers=4)
    result = CliRunner().invoke(svc, ["inspect", str(folder / "model_1.pt")])
    assert "suspicious   " in result.stdout
    assert "model.n_layers is 4, but the weights have 3" in result.stdout


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("slopes", [True, False])
@pytest.mark.parametrize(("kind", "prefix"), [("diffusion", "denoise_fn"), ("rectified-flow", "velocity_fn")])
def test_models_of_diffusion_svc_2_are_opened(
    kind: diffusion.Kind, prefix: str, wide: bool, norm: bool, slopes: bool, tmp_path: Path
) -> None:
    own = conv_denoiser.seeded(conv_denoiser.shapes(20, 8, 16, 3, wide=wide, norm=norm, slopes=slopes))
    golden = torch_file.read(GOLDEN / "model_1.pt")["model"]
    kept = {name: one for name, one in golden.items() if ".denoise_fn." not in name}
    stored = {**kept, **{f"decoder.{prefix}.{name}": one for name, one in own.items()}}
    if kind == "rectified-flow":
        stored = {name: one for name, one in stored.items() if not name.startswith("decoder.") or prefix in name}
    torch.save({"model": stored, "global_step": 4}, tmp_path / "model_4.pt")
    model = {"type": "DiffusionV2", "denoise_fn": {"type": "NaiveV2Diff", "cn_layers": 3}, "k_step_max": 100}
    flow = {"type": "ReFlow", "velocity_fn": {"type": "NaiveV2Diff"}, "t_start": 0.7}
    config = {"model": model if kind == "diffusion" else flow, "infer": {"infer_step": 10, "method": "euler"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))

    opened = open_refiner(tmp_path / "model_4.pt")
    assert (opened.kind, opened.sizes.max_k_step) == (kind, 100 if kind == "diffusion" else 300)
    assert opened.config.speedup_at(300) == 30
    mel, condition = torch.randn(1, 20, 30), torch.randn(1, 16, 30)
    with torch.inference_mode():
        predicted = opened.build().denoiser(mel, torch.tensor([77.0]), condition)[0]
    expected = conv_denoiser.output(own, mel[0], 77.0, condition[0])
    assert (predicted - expected).abs().max() < 1e-5 * expected.abs().max()
    # Written again without the layer norms that are not applied.
    again = diffusion.to_stored(opened.build().state_dict(), kind, opened.sizes)
    assert again.keys() == {name for name in stored if not re.search(r"layers.\d+.norm", name)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"z_rate": 0.2}, "the latent variable of another model"),
        ({"denoise_fn": {"wavenet_like": True}}, "skip connections between convolutions"),
        ({"denoise_fn": {"wn_dilation": 2}}, "dilated convolutions"),
        ({"spec_min": -5}, "another range of mel spectrograms"),
    ],
)
def test_variants_that_the_tensors_do_not_show_are_refused(folder: Path, values: dict[str, Any], message: str) -> None:
    with_yaml(folder, "model", **values)
    with pytest.raises(ConfigError, match=f"it describes a model with {message}, which cannot be used here"):
        open_refiner(folder / "model_1.pt")
