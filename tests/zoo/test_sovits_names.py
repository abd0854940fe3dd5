"""Our tensor names map one-to-one to the predecessors'."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from myna.config import Config
from myna.errors import CheckpointError
from myna.models.families import SYNTHESIZERS
from myna.models.synthesizers.vits import Vits
from myna.zoo import sovits
from myna.zoo.names import NEW_SPELLING, OLD_SPELLING

# Names and shapes of the predecessors' generator tensors, in the order of their state dicts: their own classes,
# instantiated with their own templates.
DUMPS: dict[str, dict[str, list[int]]] = json.loads(
    gzip.decompress((Path(__file__).parent / "statedicts.json.gz").read_bytes())
)
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "40": ("so-vits-svc-4.0v1-legacy", {}),
    "41": ("so-vits-svc-4.1", {}),
    "41_256": ("so-vits-svc-4.1", {"ssl_dim": 256, "gin_channels": 256, "n_speakers": 1}),
    "41_whisper": (
        "so-vits-svc-4.1",
        {"ssl_dim": 1024, "gin_channels": 1024, "filter_channels": 1024, "n_speakers": 1},
    ),
    "41nof0": ("so-vits-svc-4.1", {"use_automatic_f0_prediction": False}),
    "41snake": ("so-vits-svc-4.1", {"vocoder_name": "nsf-snake-hifigan"}),
    "41tf": ("so-vits-svc-4.1", {"use_transformer_flow": True}),
    "41tfshare": ("so-vits-svc-4.1", {"use_transformer_flow": True, "flow_share_parameter": True}),
    "41tiny": ("so-vits-svc-4.1-tiny", {}),
    "41vol": ("so-vits-svc-4.1", {"vol_embedding": True}),
    "fork_mb": ("quickvc", {"type_": "mb-istft"}),
    "fork_quickvc": ("quickvc", {}),
    "fork_so-vits-svc-4.0v1": ("so-vits-svc-4.0v1", {}),
    "fork_so-vits-svc-4.0v1-legacy": ("so-vits-svc-4.0v1-legacy", {}),
}
FIXED = (".filter", ".updown_filter")  # stored by the predecessors, but not trained


def config_of(dump: str) -> Config:
    template, changes = CONFIGS[dump]
    return Config.template(template).with_values(model=changes)


def unallocated(dump: str) -> Vits:
    config = config_of(dump)
    with torch.device("meta"):
        return Vits(config.model, config.data)


def test_every_dump_has_a_configuration() -> None:
    assert CONFIGS.keys() == DUMPS.keys()


@pytest.mark.parametrize("dump", CONFIGS)
def test_names_are_a_bijection(dump: str) -> None:
    stored = {name: torch.empty(shape, device="meta") for name, shape in DUMPS[dump].items()}
    ours = unallocated(dump).state_dict()
    there = sovits.generator_to_stored(ours)
    assert {name: list(tensor.shape) for name, tensor in there.items()} == DUMPS[dump]
    back = sovits.generator_from_stored(stored)
    assert {name: tensor.shape for name, tensor in back.items()} == {name: t.shape for name, t in ours.items()}


@pytest.mark.parametrize("dump", CONFIGS)
def test_optimizer_states_are_transferable(dump: str) -> None:
    """Optimizers number parameters in the order of registration, and shared ones once, at their first occurrence."""
    parameters = dict(unallocated(dump).named_parameters())
    shared = any(name.startswith("flow.wn.") for name in DUMPS[dump])
    repeated = ("flow.wn.", "flow.flows.2.enc.", "flow.flows.4.enc.", "flow.flows.6.enc.") if shared else ()
    expected = [name for name in DUMPS[dump] if not name.endswith(FIXED) and not name.startswith(repeated)]
    assert list(sovits.GENERATOR.to_stored(parameters)) == expected


GOLDEN = Path(__file__).parents[1] / "golden"


def small(name: str) -> tuple[dict[str, torch.Tensor], Config]:
    folder = GOLDEN / name
    return torch.load(folder / "G_3.pth", weights_only=True)["model"], Config.read(folder / "config.json")


@pytest.mark.parametrize("name", ["4.1/nsf-snake-hifigan-vol", "4.1/tiny-shared-flow-depthwise", "fork/quickvc"])
def test_writing_restores_what_was_read(name: str) -> None:
    weights, config = small(name)
    written = sovits.generator_to_stored(sovits.build(weights, config, trainable=True).state_dict())
    assert written.keys() == weights.keys()
    for key, tensor in weights.items():
        torch.testing.assert_close(written[key], tensor, rtol=0, atol=1e-6)


@pytest.mark.parametrize("trainable", [False, True])
def test_a_light_voice_is_written_and_read(trainable: bool) -> None:
    config = Config.template("myna-lite").with_values(model={"hidden_channels": 8, "inter_channels": 8})
    weights = SYNTHESIZERS["direct"](config.model, config.data).state_dict()
    stored = sovits.generator_to_stored(weights)
    assert {"emb_g.weight", "pre.weight", "dec.head.weight", "highest_hz"} <= stored.keys()
    read = sovits.build(stored, config, trainable=trainable).state_dict()
    assert list(read) == list(weights)
    assert all(torch.equal(read[name], tensor) for name, tensor in weights.items())


def test_all_forms_of_weight_normalization_are_read() -> None:
    weights, config = small("fork/so-vits-svc-4.0v1")
    magnitude, direction = (f".{part}" for part in OLD_SPELLING)
    newer = {
        f"module.{name}".replace(magnitude, f".{NEW_SPELLING[0]}").replace(direction, f".{NEW_SPELLING[1]}"): tensor
        for name, tensor in weights.items()
    }
    fused = {}
    for name, tensor in weights.items():
        if name.endswith(direction):
            norm = torch.norm_except_dim(tensor, 2, 0)
            fused[name.removesuffix(direction) + ".weight"] = (
                tensor * weights[name.replace(direction, magnitude)] / norm
            )
        elif not name.endswith(magnitude):
            fused[name] = tensor
    expected = sovits.build(weights, config)
    expected.fuse()
    for spelled in (newer, fused):
        synthesizer = sovits.build(spelled, config)
        synthesizer.fuse()
        for name, tensor in synthesizer.state_dict().items():
            torch.testing.assert_close(tensor, expected.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_compressed_files_convert_but_do_not_train() -> None:
    weights, config = small("fork/so-vits-svc-4.0v1")
    compressed = {name: tensor.half() for name, tensor in weights.items() if not name.startswith("enc_q.")}
    synthesizer = sovits.build(compressed, config)
    assert next(synthesizer.parameters()).dtype == torch.float32
    with pytest.raises(CheckpointError, match=r"posterior|enc_q"):
        sovits.build(compressed, config, trainable=True)


def test_a_configuration_of_another_voice_is_refused() -> None:
    weights, _ = small("fork/so-vits-svc-4.0v1")
    _, config = small("fork/so-vits-svc-4.0v1-legacy")
    with pytest.raises(CheckpointError):
        sovits.build(weights, config)


def test_an_old_light_voice_with_a_phase_opens() -> None:
    config = Config.template("myna-lite").with_values(model={"hidden_channels": 24, "n_layers": 1, "n_fine_layers": 1})
    voice = SYNTHESIZERS["direct"](config.model, config.data)
    weights = sovits.generator_to_stored(voice.state_dict()) | {"dec.pulse_phase.bias": torch.zeros(513)}
    assert sovits.generator_from_stored(weights).keys() == voice.state_dict().keys()
