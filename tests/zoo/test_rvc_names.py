"""Our names map one-to-one to RVC's, and RVC's files determine the configuration.

Names and shapes of full-size voices were recorded by `golden/record_rvc.py` from RVC's public definition: the
synthesizers in infer/lib/infer_pack/models.py and the sizes in configs/ of
RVC-Project/Retrieval-based-Voice-Conversion-WebUI. They were compared once, all equal, with those of RVC's classes as
packaged in infer-rvc-python 1.3.1.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError
from myna.models.families import SYNTHESIZERS
from myna.zoo import rvc
from myna.zoo.names import NEW_SPELLING, OLD_SPELLING

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "rvc"
DUMPS: dict[str, dict[str, list[int]]] = json.loads(gzip.decompress((HERE / "rvc_statedicts.json.gz").read_bytes()))
RATES = {
    "v1-32k": (10, 4, 2, 2, 2),
    "v1-40k": (10, 10, 2, 2),
    "v1-48k": (10, 6, 2, 2, 2),
    "v2-32k": (10, 8, 2, 2),
    "v2-40k": (10, 10, 2, 2),
    "v2-48k": (12, 10, 2, 2),
}


def dumped(name: str, posterior: bool = True) -> dict[str, Tensor]:
    kept = {key: shape for key, shape in DUMPS[name].items() if posterior or not key.startswith("enc_q.")}
    return {key: torch.empty(shape, device="meta") for key, shape in kept.items()}


def small_file(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights of a recorded voice, and the other contents of its file."""
    content = torch.load(GOLDEN / f"{name}.pth", weights_only=True)
    return content.pop("weight"), content


@pytest.mark.parametrize("name", DUMPS)
def test_names_are_a_bijection_except_for_the_posterior_encoder(name: str) -> None:
    config, _ = rvc.config_from(dumped(name))
    with torch.device("meta"):
        ours = SYNTHESIZERS["rvc"](config.model, config.data).state_dict()
    there = rvc.generator_to_stored(ours)
    expected = {key: shape for key, shape in DUMPS[name].items() if not key.startswith("enc_q.")}
    assert {key: list(tensor.shape) for key, tensor in there.items()} == expected
    back = rvc.generator_from_stored(dumped(name))
    assert {key: tensor.shape for key, tensor in back.items()} == {key: t.shape for key, t in ours.items()}


@pytest.mark.parametrize("name", DUMPS)
def test_training_checkpoints_determine_the_configuration(name: str) -> None:
    variant = name.removesuffix("-nono")
    config, remarks = rvc.config_from(dumped(name), {"iteration": 3, "optimizer": {}, "learning_rate": 1e-4})
    model, data = config.model, config.data
    assert model.follows_pitch is not name.endswith("-nono")
    assert config.content_encoder == ("vec256l9" if name.startswith("v1") else "vec768l12")
    assert config.content_expansion == "nearest"
    assert model.upsample_rates == RATES[variant]
    assert (model.n_layers, model.n_heads, model.n_flow_layers, model.n_speakers) == (6, 2, 4, 109)
    assert data.sample_rate == 1000 * int(variant[-3:-1]) == 100 * data.hop_length
    assert len(remarks) == 1
    assert f"it is {data.sample_rate} Hz" in remarks[0]
    assert " or " not in remarks[0]


def test_two_possible_sample_rates_are_both_reported() -> None:
    config, remarks = rvc.config_from(dumped("v1-32k-nono", posterior=False))
    assert config.data.sample_rate == 48000
    assert "it is 48000 Hz, or 32000" in remarks[0]
    config, remarks = rvc.config_from(dumped("v1-32k-nono", posterior=False), {"sr": "32k"})
    assert (config.data.sample_rate, config.model.upsample_rates) == (32000, RATES["v1-32k"])
    assert not remarks


@pytest.mark.parametrize("name", ["v1-48k", "v2-48k", "v2-32k-nono"])
def test_small_files_determine_the_configuration(name: str) -> None:
    weights, content = small_file(name)
    config, remarks = rvc.config_from(weights, content)
    assert not remarks
    assert config.model.upsample_rates == RATES[name.removesuffix("-nono")]
    assert config.data.sample_rate == content["config"][-1]
    assert config.model.n_speakers == 3  # by the weights; the list has 109 in every voice
    synthesizer = rvc.build(weights, config)
    assert next(synthesizer.parameters()).dtype == torch.float32


@pytest.mark.parametrize("rate", [40000, "40k", "40K"])
def test_weights_take_precedence_over_a_list_that_does_not_match(rate: int | str) -> None:
    """Tools that merge voices write one kernel too many, and the sample rate as text."""
    values = [1025, 32, 192, 192, 768, 2, 6, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, [10, 10, 2, 2], 512]
    content = {"config": [*values, [16, 16, 4, 4, 4], 1, 256, rate], "f0": 0, "version": "v2"}
    config, remarks = rvc.config_from(dumped("v1-40k", posterior=False), content)
    assert not remarks
    assert (config.data.sample_rate, config.model.follows_pitch, config.model.n_speakers) == (40000, True, 109)
    assert config.model.upsample_kernel_sizes == (16, 16, 4, 4)
    assert config.content_encoder == "vec256l9"


def test_a_configuration_beside_a_training_checkpoint_is_read() -> None:
    """In RVC's format and in ours."""
    model = {"upsample_rates": [10, 4, 2, 2, 2], "upsample_kernel_sizes": [16, 16, 4, 4, 4], "spk_embed_dim": 109}
    given = Config.parse({"data": {"sampling_rate": 32000}, "model": model, "spk": {"alto": 0, "nobody": 109}})
    weights = dumped("v1-32k-nono", posterior=False)
    config, remarks = rvc.config_from(weights, {}, given)
    assert (
        len(remarks) == 1 and "names speakers that the weights do not contain" in remarks[0] and "nobody" in remarks[0]
    )
    assert (config.data.sample_rate, config.speakers) == (32000, {"alto": 0})
    assert rvc.config_from(weights, {}, Config.parse(config.plain())) == (config, [])
    config, remarks = rvc.config_from(dumped("v2-48k"), {}, given)
    assert (config.data.sample_rate, config.speakers) == (48000, {})
    assert "belongs to another voice" in remarks[0]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"embedder_model": "spin"}, "content encoder spin"),
        ({"embedder_name": "hubert-base-japanese"}, "content encoder hubert-base-japanese"),
        ({"embedder_name": "contentvec", "embedder_output_layer": 9}, "layer 9 of ContentVec in 768"),
        ({"vocoder": "RefineGAN"}, "decoder is RefineGAN"),
    ],
)
def test_variants_with_unsupported_parts_are_refused(said: dict[str, Any], message: str) -> None:
    weights, content = small_file("v2-48k")
    with pytest.raises(CheckpointError, match=message):
        rvc.config_from(weights, content | said)


def test_variants_with_supported_parts_are_read() -> None:
    weights, content = small_file("v2-48k")
    said = {"embedder_model": "contentvec", "embedder_output_layer": 12, "vocoder": "HiFi-GAN"}
    assert rvc.config_from(weights, content | said) == rvc.config_from(weights, content)
    # ddPn08's lists have an additional value, the content width, before the last.
    longer = [*content["config"][:-1], 768, content["config"][-1]]
    assert rvc.config_from(weights, content | {"config": longer}) == rvc.config_from(weights, content)


def test_all_forms_of_weight_normalization_are_read() -> None:
    weights, content = small_file("v1-48k")
    config, _ = rvc.config_from(weights, content)
    magnitude, direction = (f".{part}" for part in OLD_SPELLING)
    newer = {
        name.replace(magnitude, f".{NEW_SPELLING[0]}").replace(direction, f".{NEW_SPELLING[1]}"): tensor
        for name, tensor in weights.items()
    }
    assert rvc.config_from(newer, content)[0] == config
    expected = rvc.build(weights, config).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in rvc.build(newer, config).state_dict().items())


def test_a_missing_tensor_is_reported() -> None:
    weights, content = small_file("v1-48k")
    config, _ = rvc.config_from(weights, content)
    del weights["enc_p.emb_phone.bias"]
    with pytest.raises(CheckpointError, match=r"prior\.content_projection\.bias is missing"):
        rvc.build(weights, config)
