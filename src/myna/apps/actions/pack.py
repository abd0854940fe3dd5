"""Packing of a voice into a single `.safetensors` file, and mixing of two voices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from myna.apps.actions.voice_files import VoiceFiles
from myna.errors import ConfigError, MynaError

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class CardText:
    """Description of a voice, stored in its file; an empty field keeps the text that the voice already has."""

    licence: str = ""
    author: str = ""
    cover: str = ""


@dataclass(frozen=True)
class Packed:
    """A packed voice."""

    path: Path
    index: Path | None  # file from which the retrieval data was read; None without retrieval data
    vocoder: Path | None = None  # file from which the vocoder was read; None if the command named none

    @property
    def megabytes(self) -> float:
        return self.path.stat().st_size / 1e6


class UnusableIndexError(ConfigError):
    """The retrieval data to pack cannot be read, or does not fit the voice."""


def pack(
    voice: VoiceFiles,
    output: Path,
    *,
    half: bool = False,
    release: bool = False,
    index: Path | bool = True,
    card: CardText | None = None,
    defaults: Mapping[str, Any] | None = None,
    vocoder: Path | None = None,
) -> Packed:
    """Write a voice as one file.

    Args:
        output: path of the packed voice, NAME.safetensors.
        half: whether to store float16.
        release: whether to leave out the data that is needed only for training.
        defaults: default options to store; None stores those that the voice has.
        vocoder: file or folder of a vocoder to include; None keeps the one that the voice has.
        index: file of the retrieval data; True takes the data in or beside the voice, if any; False takes none.

    Raises:
        ConfigError: `output` does not have the suffix .safetensors, or is the voice to be packed.
        UnusableIndexError: the retrieval data cannot be read, or does not fit the voice.
        CheckpointError: the voice or the vocoder is incomplete, or the file cannot be written.
    """
    check_packed_name(output)
    from myna.retrieval.speakers import find_retrieval, read_retrieval
    from myna.zoo.packing import Part, PartName
    from myna.zoo.vocoders import open_vocoder

    opened = voice.open()
    if output.exists() and output.samefile(opened.path):
        raise ConfigError(f"{output} is the voice itself; give the packed one another name")
    found = index if isinstance(index, Path) else find_retrieval(opened.path) if index else None
    try:
        retrieval = read_retrieval(found, opened.config) if found is not None else None
    except MynaError as error:
        raise UnusableIndexError(str(error)) from error
    parts: dict[PartName, Part] = {}
    opened_vocoder = None if vocoder is None else open_vocoder(vocoder)
    if opened_vocoder is not None:
        opened_vocoder.build()
        parts["vocoder"] = Part(opened_vocoder.weights, opened_vocoder.config.model_dump(mode="json"))
    words = asdict(card or CardText())
    opened.pack(output, half=half, release=release, retrieval=retrieval, defaults=defaults, parts=parts, **words)
    return Packed(output, found, None if opened_vocoder is None else opened_vocoder.path)


def mix(one: VoiceFiles, other: VoiceFiles, share: float, output: Path, *, half: bool = False) -> None:
    """Interpolate between the weights of two voices, and write the result as a voice.

    Args:
        other: a voice that has the same architecture as `one`, and was trained from the same base weights.
        share: weight of `other` in the mix, 0 to 1.
        output: path of the mix, NAME.safetensors.
        half: whether to store float16.

    Raises:
        ConfigError: `output` does not have the suffix .safetensors, or the architectures of the voices differ.
        CheckpointError: a voice is incomplete, or the file cannot be written.
    """
    check_packed_name(output)
    from myna.zoo.mixing import mix as mix_voices

    mix_voices(one.open(), other.open(), share, output, half=half)


def check_packed_name(path: Path) -> None:
    """Raise `ConfigError` unless `path` has the suffix of a packed voice."""
    if path.suffix != SUFFIX:
        raise ConfigError(f"{path} must be named NAME{SUFFIX}")
