"""Our names map one-to-one to so-vits-svc 3.0's, and its files determine the configuration."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError
from myna.models.families import SYNTHESIZERS
from myna.zoo import sovits3

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "sovits3"
# Names and shapes of its generator's tensors, from its own class with its own template and 4 speakers.
DUMP: dict[str, list[int]] = json.loads(gzip.decompress((HERE / "sovits3_statedict.json.gz").read_bytes()))


def dumped() -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in DUMP.items()}


def test_names_are_a_bijection_except_for_the_posterior_encoder() -> None:
    config, _ = sovits3.config_from(dumped())
    with torch.device("meta"):
        ours = SYNTHESIZERS["sovits3"](config.model, config.data).state_dict()
    there = sovits3.generator_to_stored(ours)
    expected = {name: shape for name, shape in DUMP.items() if not name.startswith("enc_q.")}
    assert {name: list(tensor.shape) for name, tensor in there.items()} == expected
    back = sovits3.generator_from_stored(dumped())
    assert {name: tensor.shape for name, tensor in back.items()} == {name: t.shape for name, t in ours.items()}


def test_weights_determine_all_except_the_sample_rate() -> None:
    config, remarks = sovits3.config_from(dumped())
    model, data = config.model, config.data
    assert (model.n_layers, model.kernel_size, model.n_heads, model.n_speakers) == (16, 5, 2, 4)
    assert model.upsample_rates == (10, 8, 2, 2)
    assert (data.sample_rate, data.hop_length, data.n_fft) == (48000, 320, 1280)
    assert (config.content_encoder, config.content_expansion) == ("hubertsoft", "nearest")
    assert len(remarks) == 1
    assert "32000 or 48000" in remarks[0]


def test_only_sample_rate_and_speakers_are_read_from_a_configuration() -> None:
    weights = torch.load(GOLDEN / "voice.pth", weights_only=True)["model"]
    given = Config.read(GOLDEN / "config.json")
    config, remarks = sovits3.config_from(weights, given)
    assert not remarks
    assert (given.model.n_layers, config.model.n_layers) == (6, 2)
    assert config.data.sample_rate == 32000
    assert config.speakers == {"alto": 0, "tenor": 1, "bass": 2}
    assert sovits3.config_from(weights, Config.parse(config.plain())) == (config, [])


def test_other_weights_are_refused() -> None:
    weights = torch.load(GOLDEN / "voice.pth", weights_only=True)["model"]
    config, _ = sovits3.config_from(weights)
    del weights["enc_p_.pre.bias"]
    with pytest.raises(CheckpointError, match=r"content_projection\.bias is missing"):
        sovits3.build(weights, config)
    with pytest.raises(ZeroDivisionError):  # which the loader reports as an incomplete file
        sovits3.config_from({"enc_p_.pre.weight": weights["enc_p_.pre.weight"]})
