"""How long work tells that it advances, without knowing who listens.

Libraries take a `Progress` and never print; the command line passes a bar, a test or a script passes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Iterate over `items` while showing how far it is.

    Args:
        items: what the work goes through.
        title: what is being done, for a person.
        total: how many `unit` there are in all, where known; `len(items)` otherwise.
        unit: what is counted, e.g. "clips".
    """

    def __call__(
        self, items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it"
    ) -> Iterator[T]: ...


def silent(items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """The `Progress` that nobody watches."""
    yield from items
