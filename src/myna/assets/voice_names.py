"""Recognition of a voice's files by their names, and choice of the newest of several weights files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

# Files beside a voice: indexes and k-means centroids.
SIDE_FILES = re.compile(r".*(kmeans.*\.pt|\.index|feature_and_index\.pkl|index\.safetensors)", re.IGNORECASE)
_DISCRIMINATOR = re.compile(r"D_?\d*( ?\(\d+\))?\.pth", re.IGNORECASE)
_COPY = re.compile(r"(?: ?\(\d+\)| - Copy)$")  # suffix that browsers and file managers append to the name of a copy
# Names of checkpoints: so-vits-svc's with a number, and RVC's with an epoch and a step.
_NUMBERED = (re.compile(r"(G)_?(\d{1,18}).*", re.IGNORECASE), re.compile(r"(.+?)_e(\d{1,18})(?:_s(\d{1,18}))?"))


def is_generator(name: str) -> bool:
    """Return True if a file with this name may be a voice's weights."""
    last = PurePosixPath(name).name.lower()
    if SIDE_FILES.fullmatch(last) or _DISCRIMINATOR.fullmatch(last):
        return False
    return last.endswith(".pth") or (last.endswith(".safetensors") and last != "model.safetensors")


def newest(names: Sequence[str]) -> str | None:
    """Return the name of the newest file of a voice; None if `names` is empty or contains several voices.

    Files belong to one voice if their names differ only in the training numbers (number, or epoch and step) and in the
    suffix of a copy, for example " (1)". A file without such a suffix is preferred to its copies.
    """
    if len(names) < 2:
        return next(iter(names), None)
    numbers = {name: _numbers(name) for name in names}
    if len({one and one[0] for one in numbers.values()}) > 1 or None in numbers.values():
        return None
    return max(names, key=lambda name: (numbers[name], not _COPY.search(PurePosixPath(name).stem), name))


def newest_checkpoint(names: Sequence[str]) -> str | None:
    """Return the name of so-vits-svc's newest `G_*.pth`; None if there is none."""
    return newest([name for name in names if (found := _numbers(name)) is not None and found[0] == "g"])


def _numbers(name: str) -> tuple[str, int, int] | None:
    """Return the voice, the number or epoch, and the step (0 if absent) of a file name; None without a number."""
    stem = _COPY.sub("", PurePosixPath(name).stem)
    for pattern in _NUMBERED:
        if match := pattern.fullmatch(stem):
            voice, epoch, *step = match.groups("0")
            return voice.casefold(), int(epoch), int(*step)
    return None
