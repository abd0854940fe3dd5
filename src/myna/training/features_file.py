"""The features of a clip on disk: `X.wav.features.safetensors`, with a note of how they were made."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

from myna.config import Config
from myna.errors import MynaError
from myna.features.extractor import Features
from myna.options import F0Method

# To be raised when features of the same clip and the same settings come out otherwise.
_VERSION = "1"

Fingerprint = dict[str, str]


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
        "f0_method": f0_method,
        "sample_rate": str(config.data.sample_rate),
        "hop_length": str(config.data.hop_length),
    }


def write_features(path: Path, features: Features, made_from: Fingerprint) -> None:
    """Write the file so that a reader never sees half of it.

    Raises:
        MynaError: it cannot be written, for example because the disk is full.
    """
    tensors = {"content": features.content, "f0": features.f0, "loudness": features.loudness}
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, temporary, made_from)
        temporary.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise MynaError(f"cannot write {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_features(path: Path) -> Features:
    """Read what `write_features` wrote.

    Raises:
        MynaError: the file is not there, or is not whole.
    """
    try:
        return Features(**load_file(path))
    except (OSError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise MynaError(_unreadable(path, error)) from error


def read_f0(path: Path) -> Tensor:
    """Only the pitch (T,), Hz; raises as `read_features`."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            f0: Tensor = file.get_tensor("f0")
            return f0
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
