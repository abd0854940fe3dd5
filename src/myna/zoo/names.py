"""Renaming of tensors between myna's names and the names in files, by a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

Table = Mapping[str, str]
_Directed = Mapping[str, tuple[str, bool]]  # name -> (other name, whether the module has weight normalisation)

# torch's old and new names for the magnitude and the direction of a normalised weight. Files from myna have the old
# names.
OLD_SPELLING = ("weight_g", "weight_v")
NEW_SPELLING = ("parametrizations.weight.original0", "parametrizations.weight.original1")


def under(ours: str, stored: str, table: Table) -> dict[str, str]:
    """Prefix the entries of `table` with the names of their parent module: `ours` in myna, `stored` in files."""
    return {f"{ours}.{inner}": f"{stored}.{theirs}" for inner, theirs in table.items()}


class NameTable:
    """A one-to-one mapping between myna's tensor names and the names in files, applied to whole state dicts.

    An entry is the name of a single tensor, or of a module for all its tensors; `{}` stands for an index.

    Normalised weights are written with torch's old names. They are read with the old or the new names, or as a plain
    `weight`, which is split into magnitude and direction.

    Args:
        plain: name in files for each of myna's names, for modules without weight normalisation.
        normalized: name in files for each of myna's names, for modules with weight normalisation.
    """

    def __init__(self, plain: Table, normalized: Table) -> None:
        pairs = [(ours, stored, False) for ours, stored in plain.items()]
        pairs += [(ours, stored, True) for ours, stored in normalized.items()]
        self._to_stored = {ours: (stored, normal) for ours, stored, normal in pairs}
        self._from_stored = {stored: (ours, normal) for ours, stored, normal in pairs}

    def to_stored(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename a state dict from myna's names to the names in files.

        Raises:
            ValueError: a name is not in the table.
        """
        unknown = [name for name in weights if _look_up(name, self._to_stored) is None]
        if unknown:
            raise ValueError(f"no name in files for {', '.join(unknown)}")
        return dict(self._renamed(weights.items(), self._to_stored, OLD_SPELLING))

    def from_stored(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename a state dict from the names in files to myna's names; names that are not in the table are kept.

        The prefix `module.` of models trained in parallel is removed.
        """
        stripped = ((name.removeprefix("module."), tensor) for name, tensor in weights.items())
        return dict(self._renamed(stripped, self._from_stored, NEW_SPELLING))

    def _renamed(
        self, weights: Iterable[tuple[str, Tensor]], table: _Directed, spelling: tuple[str, str]
    ) -> Iterator[tuple[str, Tensor]]:
        spelled = dict(zip((*OLD_SPELLING, *NEW_SPELLING), spelling * 2, strict=True))
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
    """Find the longest prefix of `name` that is in the table.

    Returns the other name of the prefix, the rest of `name`, and whether the module has weight normalisation; None if
    no prefix is in the table.
    """
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        pattern = ".".join("{}" if part.isdigit() else part for part in parts[:length])
        if pattern in table:
            other, normalized = table[pattern]
            indices = [part for part in parts[:length] if part.isdigit()]
            return other.format(*indices), "".join(f".{part}" for part in parts[length:]), normalized
    return None
