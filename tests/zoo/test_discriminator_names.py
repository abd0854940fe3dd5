"""Our discriminators equal so-vits-svc-fork's: the same tensors in the same order, and the same scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from record_discriminators import digest, formula_weights, signal

from myna.errors import CheckpointError
from myna.models.discriminators.spectral import SpectralDiscriminators
from myna.models.discriminators.waveform import WaveformDiscriminators
from myna.storage import checkpoint
from myna.zoo.discriminators import discriminator_from_stored, discriminator_to_stored

RECORDED = json.loads((Path(__file__).parent / "discriminators.json").read_text(encoding="utf-8"))


def test_names_and_shapes_are_a_bijection_that_keeps_the_order_of_parameters() -> None:
    ours = WaveformDiscriminators().state_dict()
    stored = discriminator_to_stored(ours)
    assert {name: list(tensor.shape) for name, tensor in stored.items()} == RECORDED["shapes"]
    assert list(stored) == list(RECORDED["shapes"])
    assert list(discriminator_from_stored(stored)) == list(ours)
    assert list(dict(WaveformDiscriminators(256).named_parameters())) == list(ours)


def test_spectral_discriminators_are_written_and_read() -> None:
    weights = SpectralDiscriminators(44100).state_dict()
    stored = discriminator_to_stored(weights)
    assert "discriminators.0.conv_post.weight_g" in stored
    read = discriminator_from_stored(stored)
    assert list(read) == list(weights)
    assert all(torch.equal(read[name], tensor) for name, tensor in weights.items())


def test_scores_equal_the_recorded_ones() -> None:
    discriminators = WaveformDiscriminators()
    checkpoint.load_weights(discriminators, discriminator_from_stored(formula_weights(RECORDED["shapes"])))
    with torch.inference_mode():
        judgements = discriminators(signal(), torch.tensor([22050.0]))
    made = digest([one.score for one in judgements], [one.feature_maps for one in judgements])
    for key in ("scores", "feature_means"):
        for mine, theirs in zip(made[key], RECORDED[key], strict=True):
            assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_a_missing_layer_is_reported() -> None:
    weights = discriminator_from_stored({name: torch.empty(shape) for name, shape in RECORDED["shapes"].items()})
    del weights["discriminators.2.output_conv.bias"]
    with pytest.raises(CheckpointError, match=r"discriminators\.2\.output_conv\.bias is missing"):
        checkpoint.load_weights(WaveformDiscriminators(), weights)
