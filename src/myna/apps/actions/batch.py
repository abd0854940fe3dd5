"""Processing of several files, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from myna.errors import MynaError, understood


class Planned(Protocol):
    """Planned work on one file."""

    @property
    def source(self) -> Path: ...


Work = TypeVar("Work", bound=Planned)
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Batch(Generic[Work, Outcome]):
    """Outcome of a batch; each item of planned work is either in `done` or in `failed`."""

    done: dict[Work, Outcome]
    failed: dict[Work, MynaError]
    seconds: float  # run time of the batch


def run_batch(
    planned: Iterable[Work],
    work: Callable[[Work], Outcome],
    on_failure: Callable[[MynaError], None] = lambda error: None,
) -> Batch[Work, Outcome]:
    """Call `work` for each of `planned`, and return the results and the errors.

    Args:
        on_failure: called with each error in `failed`, as soon as it occurs.

    Raises:
        MynaError: the call for the only item failed. With several items, the error is stored in `failed` and the batch
            goes on.
    """
    planned = list(planned)
    started = time.perf_counter()
    done: dict[Work, Outcome] = {}
    failed: dict[Work, MynaError] = {}
    for one in planned:
        try:
            done[one] = work(one)
        except Exception as error:
            failure = understood(error)
            if failure is None:
                raise
            if failure is not error:
                failure = type(failure)(f"{one.source}: {failure}")
            if len(planned) == 1:
                raise failure from error
            failed[one] = failure
            on_failure(failure)
    return Batch(done, failed, time.perf_counter() - started)
