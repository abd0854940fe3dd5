"""Progress reports of long work, independent of their display.

Library functions take a `Progress` and never print. The command line passes a bar; tests and scripts pass nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Iterate over `items` and report progress.

    Args:
        items: to iterate over.
        title: name of the work, shown to the user.
        total: number of items; by default `len(items)` if it has one.
        unit: name of the items, e.g. "clips".
    """

    def __call__(
        self, items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it"
    ) -> Iterator[T]: ...


def silent(items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """A `Progress` without display."""
    yield from items
