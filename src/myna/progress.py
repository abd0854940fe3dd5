"""Progress reports of long-running work, independent of their display.

Library functions take a `Progress` and never print. The command line passes a progress bar; the default is `silent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Function that iterates over `items` and reports the progress.

    Args:
        items: items to iterate over.
        title: name of the work, for the user.
        total: number of items; by default `len(items)` if `items` has a length.
        unit: noun for the items, for example "clips".
    """

    def __call__(
        self, items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it"
    ) -> Iterator[T]: ...


_SETTLED_SECONDS, _SETTLED_SHARE = 10.0, 0.03


def seconds_left(done: float, total: float | None, seconds: float) -> float | None:
    """Estimate the remaining time in seconds, if `done` of `total` items took `seconds`.

    Return None in the first 10 s and the first 3 % of the work, which are slow, so that an estimate would be too high.
    """
    if not total or seconds < _SETTLED_SECONDS or done < _SETTLED_SHARE * total:
        return None
    return max(0.0, seconds * (total - done) / done)


def silent(items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """`Progress` that displays nothing."""
    yield from items


def titled(progress: Progress, name: str) -> Progress:
    """Return a `Progress` that shows `name` instead of the titles of the parts of the work."""

    def shown(items: Iterable[T], *, title: str = "", total: int | None = None, unit: str = "it") -> Iterator[T]:
        return progress(items, title=name, total=total, unit=unit)

    return shown
