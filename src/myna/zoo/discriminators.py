"""Tensor names of so-vits-svc's discriminators (`D_*.pth`), which differ from myna's only in these names."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from myna.zoo.names import NameTable

DISCRIMINATORS = NameTable(
    plain={},
    normalized={
        "discriminators.{}.convs.{}": "discriminators.{}.convs.{}",
        "discriminators.{}.output_conv": "discriminators.{}.conv_post",
    },
)


def discriminator_to_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of `Discriminators` to so-vits-svc's names."""
    return DISCRIMINATORS.to_stored(weights)


def discriminator_from_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of so-vits-svc's discriminators to myna's names; unknown names are kept."""
    return DISCRIMINATORS.from_stored(weights)
