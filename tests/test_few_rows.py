"""A linear layer for a few rows gives the result of the layer, whatever the precision of its stored weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from myna.few_rows import FewRows, for_few_rows
from myna.storage.quantization import packed, unpacked


def stored_with(bits: int) -> Tensor:
    weight = torch.randn(96, 64, generator=torch.Generator().manual_seed(0))
    if bits == 8:
        return unpacked(packed({"weight": weight}, lambda name, tensor: 1))["weight"]
    return weight.half().float() if bits == 16 else weight


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("n_rows", [0, 1, 2, 5, 40])
def test_the_result_has_the_accuracy_of_single_precision(bits: int, n_rows: int) -> None:
    weight, bias = stored_with(bits), torch.arange(96.0)
    x = torch.randn(n_rows, 64, generator=torch.Generator().manual_seed(1))
    for given in (bias, None):
        exact = nn.functional.linear(x.double(), weight.double(), None if given is None else given.double())
        torch.testing.assert_close(FewRows(weight, given)(x).double(), exact, atol=4e-5, rtol=1e-6)


def test_other_processors_use_another_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, bias, x = stored_with(32), torch.arange(96.0), torch.ones(3, 64)
    monkeypatch.setattr("myna.few_rows._ENGINES", ())
    for given in (bias, None):
        torch.testing.assert_close(FewRows(weight, given)(x), nn.functional.linear(x, weight, given))


def test_the_network_itself_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8, bias=False)).requires_grad_(True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    copied, x = for_few_rows(network), torch.ones(2, 8)
    assert isinstance(copied[0], FewRows)
    torch.testing.assert_close(copied(x), network(x).detach())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network[0].weight.requires_grad
