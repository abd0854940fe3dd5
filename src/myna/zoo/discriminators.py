"""so-vits-svc's discriminators, `D_*.pth`: they differ from ours in names only."""

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


def discriminator_to_field(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict of `Discriminators` as the field writes it."""
    return DISCRIMINATORS.to_field(weights)


def discriminator_from_field(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The field's state dict of its discriminators in our names; what does not belong to them keeps its name."""
    return DISCRIMINATORS.from_field(weights)
