"""Weights in 8 bits differ from the original by at most half a step of their scale."""

from __future__ import annotations

import pytest
import torch

from myna.storage.quantization import packed, unpacked


@pytest.mark.parametrize("axes", [1, 2])
def test_packing_rounds_to_1_254th_of_the_maximum_of_a_row(axes: int) -> None:
    tensor = torch.randn(5, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    tensor *= torch.logspace(-3, 3, 20).reshape(5, 4, 1, 1)
    stored = packed({"weight": tensor}, lambda name, tensor: axes)
    assert stored["weight"].dtype == torch.int8 and stored["weight.scale"].shape == tensor.shape[:axes]
    (found,) = unpacked(stored).values()
    assert found.shape == tensor.shape and found.dtype == torch.float32
    rows, error = tensor.flatten(axes), (found - tensor).flatten(axes).abs()
    # Half a step, plus the rounding of the scale to 16 bits.
    assert (error.amax(-1) <= rows.abs().amax(-1) * (0.5 / 127 + 2**-11) + 1e-7).all()


def test_zero_rows_stay_zero_and_other_tensors_become_float16() -> None:
    weights = {"weight": torch.tensor([[0.0, 0.0], [1.0, -2.0]]), "bias": torch.tensor([0.0, 1 / 3])}
    stored = packed(weights, lambda name, tensor: tensor.dim() - 1)
    assert stored["bias"].dtype == torch.float16
    found = unpacked(stored)
    assert found["weight"].tolist() == [[0.0, 0.0], [pytest.approx(1, abs=2 / 127), pytest.approx(-2, abs=2e-3)]]
    assert found["bias"].tolist() == [0.0, pytest.approx(1 / 3, abs=2e-4)]
