"""Feature files, `X.wav.features.safetensors`: a clip's features, and a fingerprint of all inputs of the features."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from myna.config import Config
from myna.errors import FileError, reason_of
from myna.features.extractor import Features
from myna.options import F0Method
from myna.storage.atomic import replacing
from myna.storage.utf8 import utf8_path

# Increment this number when a code change alters the features of a clip with unchanged settings.
_VERSION = "3"
_BANDWIDTH = "highest_hz"  # key of the bandwidth in the file

Fingerprint = dict[str, str]


class VersionFeatures(NamedTuple):
    """Features of an augmented version of a clip (see `prepare.augmentation`). Its f0 is the clip's."""

    content: Tensor  # (C, T)
    loudness: Tensor  # (T,) dB relative to full scale


class ClipFeatures(NamedTuple):
    """Content of a features file."""

    features: Features
    bandwidth_hz: float  # highest frequency in the clip (see `audio.bandwidth`)
    versions: tuple[VersionFeatures, ...] = ()


def features_path(clip: Path) -> Path:
    return clip.with_name(clip.name + ".features.safetensors")


def fingerprint(clip: Path, config: Config, f0_method: F0Method) -> Fingerprint:
    """Return all inputs of the features of `clip`.

    The clip is identified by a hash of its file, so its features stay valid if the data set is copied to another
    machine.
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


def write_features(path: Path, clip_features: ClipFeatures, made_from: Fingerprint) -> None:
    """Write a features file atomically.

    Raises:
        FileError: the file cannot be written, for example because the disk is full.
    """
    tensors = {name: tensor.contiguous().cpu() for name, tensor in vars(clip_features.features).items()}
    tensors[_BANDWIDTH] = torch.tensor(clip_features.bandwidth_hz)
    for index, version in enumerate(clip_features.versions):
        tensors |= {f"version.{index}.{name}": tensor.contiguous() for name, tensor in version._asdict().items()}
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, made_from)
    except (OSError, safetensors.SafetensorError) as error:
        raise FileError(f"cannot write {path}: {reason_of(error)}") from error


def read_features(path: Path) -> ClipFeatures:
    """Read a features file.

    Raises:
        FileError: the file does not exist, cannot be read or is incomplete.
    """
    try:
        with utf8_path(path) as opened:
            tensors = load_file(opened)
        bandwidth_hz = float(tensors.pop(_BANDWIDTH))
        n_versions = sum(name.endswith(".content") for name in tensors)
        versions = tuple(
            VersionFeatures(*(tensors.pop(f"version.{index}.{name}") for name in VersionFeatures._fields))
            for index in range(n_versions)
        )
        return ClipFeatures(Features(**tensors), bandwidth_hz, versions)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise FileError(_unreadable(path, error)) from error


def read_f0(path: Path) -> Tensor:
    """Read only the f0, (T,) in Hz; raise the same errors as `read_features`."""
    return _read_one(path, "f0")


def read_bandwidth(path: Path) -> float:
    """Read only the bandwidth, in Hz; raise the same errors as `read_features`."""
    return float(_read_one(path, _BANDWIDTH))


def _read_one(path: Path, name: str) -> Tensor:
    try:
        with utf8_path(path) as opened, safetensors.safe_open(opened, framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
            return tensor
    except (OSError, safetensors.SafetensorError) as error:
        raise FileError(_unreadable(path, error)) from error


def read_fingerprint(path: Path) -> Fingerprint | None:
    """Read the fingerprint of a features file; return None if the file is absent or unreadable."""
    if not path.is_file():
        return None
    try:
        with utf8_path(path) as opened, safetensors.safe_open(opened, framework="pt") as file:
            metadata: Fingerprint | None = file.metadata()
            return metadata
    except (OSError, safetensors.SafetensorError):
        return None


def _unreadable(path: Path, error: Exception) -> str:
    return f"cannot read the features {path} ({error}); compute them with svc pre-hubert"
