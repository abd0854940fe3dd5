"""Missing pretrained files for preparing and training a voice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from myna.assets import ASSETS, BASE_WEIGHTS
from myna.assets.presence import FilesHere, asset_here, base_weights_here
from myna.config import Config

# Name of a content encoder's asset, where it differs from the encoder's name.
_ENCODER_ASSETS: Mapping[str, str] = MappingProxyType(
    {
        "vec768l12": "contentvec",
        "vec256l9": "contentvec",
        "whisper-ppg": "whisper-medium",
        "whisper-ppg-large": "whisper-large",
    }
)


@dataclass(frozen=True)
class TrainingNeeds:
    """Missing files of each step; `train` does not repeat the files of `prepare`."""

    prepare: tuple[FilesHere, ...]
    train: tuple[FilesHere, ...]


def encoder_asset(encoder: str) -> str | None:
    """Return the name of the asset that a content encoder loads; None if it is bundled or unknown."""
    name = _ENCODER_ASSETS.get(encoder, encoder)
    return name if name in ASSETS else None


def training_needs(config: Config, *, trained: bool) -> TrainingNeeds:
    """Return the pretrained files that must be downloaded before a voice can be prepared and trained.

    Args:
        config: configuration of the voice.
        trained: whether training continues from a checkpoint, and thus needs no base weights.
    """
    name = encoder_asset(config.content_encoder)
    prepare = (asset_here(name),) if name is not None else ()
    base = config.train.base_weights
    train = (base_weights_here(base),) if base in BASE_WEIGHTS and not trained else ()
    return TrainingNeeds(
        tuple(one for one in prepare if not one.here),
        tuple(one for one in train if not one.here and one.url),
    )
