"""The features of a clip on disk: `X.wav.features.safetensors`, with a note of how they were made."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from myna.config import Config
from myna.errors import MynaError
from myna.features.extractor import Features
from myna.options import F0Method
from myna.storage.atomic import replacing

# To be raised when features of the same clip and the same settings come out otherwise.
_VERSION = "3"
_HIGHEST_HZ = "highest_hz"

Fingerprint = dict[str, str]


class VersionFeatures(NamedTuple):
    """What is heard of a version of a clip, see `prepare.augmentation`; its pitch is the clip's."""

    content: Tensor  # (C, T)
    loudness: Tensor  # (T,) dB relative to full scale


class ClipFeatures(NamedTuple):
    """What is known of a clip besides its sound."""

    features: Features
    highest_hz: float  # above it the clip holds nothing, see `audio.bandwidth`
    versions: tuple[VersionFeatures, ...] = ()


def features_path(clip: Path) -> Path:
    return clip.with_name(clip.name + ".features.safetensors")


def fingerprint(clip: Path, config: Config, f0_method: F0Method) -> Fingerprint:
    """What the features of `clip` depend on.

    The clip is known by its contents: a data set that was copied to another machine keeps its features.
    """
    with clip.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "version": _VERSION,
        "clip_sha256": digest,
        "content_encoder": config.content_encoder,
        "content_expansion": config.content_expansion,
        "content_versions": str(config.data.content_versions),
        "f0_method": f0_method,
        "sample_rate": str(config.data.sample_rate),
        "hop_length": str(config.data.hop_length),
    }


def write_features(path: Path, heard: ClipFeatures, made_from: Fingerprint) -> None:
    """Write the file so that a reader never sees half of it.

    Raises:
        MynaError: it cannot be written, for example because the disk is full.
    """
    tensors = {name: tensor.contiguous().cpu() for name, tensor in vars(heard.features).items()}
    tensors[_HIGHEST_HZ] = torch.tensor(heard.highest_hz)
    for index, version in enumerate(heard.versions):
        tensors |= {f"version.{index}.{name}": tensor.contiguous() for name, tensor in version._asdict().items()}
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, made_from)
    except (OSError, safetensors.SafetensorError) as error:
        raise MynaError(f"cannot write {path}: {error}") from error


def read_features(path: Path) -> ClipFeatures:
    """Read what `write_features` wrote.

    Raises:
        MynaError: the file is not there, or is not whole.
    """
    try:
        tensors = load_file(path)
        highest_hz = float(tensors.pop(_HIGHEST_HZ))
        n_versions = sum(name.endswith(".content") for name in tensors)
        versions = tuple(
            VersionFeatures(*(tensors.pop(f"version.{index}.{name}") for name in VersionFeatures._fields))
            for index in range(n_versions)
        )
        return ClipFeatures(Features(**tensors), highest_hz, versions)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise MynaError(_unreadable(path, error)) from error


def read_f0(path: Path) -> Tensor:
    """Only the pitch (T,), Hz; raises as `read_features`."""
    return _read_one(path, "f0")


def read_highest_hz(path: Path) -> float:
    """Only the frequency above which the clip holds nothing; raises as `read_features`."""
    return float(_read_one(path, _HIGHEST_HZ))


def _read_one(path: Path, name: str) -> Tensor:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
            return tensor
    except (OSError, safetensors.SafetensorError) as error:
        raise MynaError(_unreadable(path, error)) from error


def read_fingerprint(path: Path) -> Fingerprint | None:
    """How the features were made; None where there are none, or none that can be read."""
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata: Fingerprint | None = file.metadata()
            return metadata
    except (OSError, safetensors.SafetensorError):
        return None


def _unreadable(path: Path, error: Exception) -> str:
    return f"cannot read the features {path} ({error}); make them with svc pre-hubert"
