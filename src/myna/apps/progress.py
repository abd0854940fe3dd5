"""Progress bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

from myna.progress import seconds_left
from myna.text import printable

T = TypeVar("T")

_WITHOUT_ESTIMATE = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}{postfix}]"

_open: list[Bar] = []


class Bar(tqdm):  # type: ignore[misc]
    """`tqdm` that shows no time left before it can be estimated; see `seconds_left`."""

    @property
    def format_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = super().format_dict
        done, total = found["n"] - found["initial"], found["total"]
        if total and seconds_left(done, total - found["initial"], found["elapsed"]) is None:
            found["bar_format"] = _WITHOUT_ESTIMATE
        return found


def bar(items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Draw a progress bar with the speed and the time left on the terminal; implements `myna.progress.Progress`."""
    shown = Bar(items, desc=printable(title), total=total, unit=unit, dynamic_ncols=True)
    _open.append(shown)
    try:
        yield from shown
    finally:
        _open.remove(shown)


def close_bars() -> None:
    """End the lines of all bars, so that an error is printed on a line of its own.

    Otherwise, the bar of failed work is closed only after the error was printed.
    """
    for shown in _open:
        shown.close()
