"""File names of voices, and the newest of several files of one voice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

# Files beside a voice: indexes and k-means centroids.
SIDE_FILES = re.compile(r".*(kmeans.*\.pt|\.index|feature_and_index\.pkl|index\.safetensors)", re.IGNORECASE)
_DISCRIMINATOR = re.compile(r"D_?\d*( ?\(\d+\))?\.pth", re.IGNORECASE)
_COPY = re.compile(r"(?: ?\(\d+\)| - Copy)$")  # browsers and file managers append it to the name of a second download
# Number of a checkpoint of so-vits-svc; epoch and step of one of RVC.
_NUMBERED = (re.compile(r"(G)_?(\d{1,18}).*", re.IGNORECASE), re.compile(r"(.+?)_e(\d{1,18})(?:_s(\d{1,18}))?"))


def is_generator(name: str) -> bool:
    """Return true if a file of this name may contain a voice's weights."""
    last = PurePosixPath(name).name.lower()
    if SIDE_FILES.fullmatch(last) or _DISCRIMINATOR.fullmatch(last):
        return False
    return last.endswith(".pth") or (last.endswith(".safetensors") and last != "model.safetensors")


def newest(names: Sequence[str]) -> str | None:
    """Return the newest file of a voice; None if there is no file, or if the files are of several voices.

    Files are of one voice if their names differ only in the number that a program has given them in training. Of copies
    of a file, the one without the mark of a copy is preferred.
    """
    if len(names) < 2:
        return next(iter(names), None)
    numbers = {name: _numbers(name) for name in names}
    if len({one and one[0] for one in numbers.values()}) > 1 or None in numbers.values():
        return None
    return max(names, key=lambda name: (numbers[name], not _COPY.search(PurePosixPath(name).stem), name))


def newest_checkpoint(names: Sequence[str]) -> str | None:
    """Return the newest `G_*.pth` of so-vits-svc; None if there is none."""
    return newest([name for name in names if (found := _numbers(name)) is not None and found[0] == "g"])


def _numbers(name: str) -> tuple[str, int, int] | None:
    """Return the voice, the number or epoch, and the step in the name of a file; None if it has no number."""
    stem = _COPY.sub("", PurePosixPath(name).stem)
    for pattern in _NUMBERED:
        if match := pattern.fullmatch(stem):
            voice, epoch, *step = match.groups("0")
            return voice.casefold(), int(epoch), int(*step)
    return None
