"""Progress bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from myna.text import printable

T = TypeVar("T")


def bar(items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Draw a progress bar with the speed and the time left on the terminal; implements `myna.progress.Progress`."""
    yield from tqdm(items, desc=printable(title), total=total, unit=unit, dynamic_ncols=True)
