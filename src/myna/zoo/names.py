"""Renaming tensors between two spellings of one architecture, by a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

Table = Mapping[str, str]
_Directed = Mapping[str, tuple[str, bool]]  # name -> the other side's, and whether its weight is normalised

# How the magnitude and the direction of a weight-normalised weight are spelled.
FIELD_SPELLING = ("weight_g", "weight_v")
TORCH_SPELLING = ("parametrizations.weight.original0", "parametrizations.weight.original1")


def under(ours: str, field: str, table: Table) -> dict[str, str]:
    """The entries of `table` inside the module that we call `ours` and the field calls `field`."""
    return {f"{ours}.{inner}": f"{field}.{theirs}" for inner, theirs in table.items()}


class NameTable:
    """A bijection between our names and the field's, applied to whole state dicts.

    An entry names a module, and all that is in it follows, or a single tensor; `{}` stands for an index.

    What is written has the field's spelling of weight normalisation. What is read may have the field's, torch's
    newer one, or their product as a plain `weight`, which is taken apart again.

    Args:
        plain: our name -> the field's.
        normalized: the same, for modules whose `weight` is weight-normalised.
    """

    def __init__(self, plain: Table, normalized: Table) -> None:
        pairs = [(ours, field, False) for ours, field in plain.items()]
        pairs += [(ours, field, True) for ours, field in normalized.items()]
        self._to_field = {ours: (field, normal) for ours, field, normal in pairs}
        self._from_field = {field: (ours, normal) for ours, field, normal in pairs}

    def to_field(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename a state dict of ours; ValueError where the table does not know a name."""
        unknown = [name for name in weights if _look_up(name, self._to_field) is None]
        if unknown:
            raise ValueError(f"no field name for {', '.join(unknown)}")
        return dict(self._renamed(weights.items(), self._to_field, FIELD_SPELLING))

    def from_field(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename a state dict of the field; a name that the table does not know stays as it is."""
        stripped = ((name.removeprefix("module."), tensor) for name, tensor in weights.items())
        return dict(self._renamed(stripped, self._from_field, TORCH_SPELLING))

    def _renamed(
        self, weights: Iterable[tuple[str, Tensor]], table: _Directed, spelling: tuple[str, str]
    ) -> Iterator[tuple[str, Tensor]]:
        spelled = dict(zip((*FIELD_SPELLING, *TORCH_SPELLING), spelling * 2, strict=True))
        for name, tensor in weights:
            found = _look_up(name, table)
            if found is None:
                yield name, tensor
                continue
            module, rest, normalized = found
            if normalized and rest == ".weight":
                magnitude, direction = (f"{module}.{part}" for part in spelling)
                yield magnitude, torch.norm_except_dim(tensor.float(), 2, 0)
                yield direction, tensor
            else:
                yield module + (f".{spelled.get(rest[1:], rest[1:])}" if normalized else rest), tensor


def _look_up(name: str, table: _Directed) -> tuple[str, str, bool] | None:
    """The other side's name of the longest part of `name` in the table, what follows it, and whether normalised."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        pattern = ".".join("{}" if part.isdigit() else part for part in parts[:length])
        if pattern in table:
            other, normalized = table[pattern]
            indices = [part for part in parts[:length] if part.isdigit()]
            return other.format(*indices), "".join(f".{part}" for part in parts[length:]), normalized
    return None
