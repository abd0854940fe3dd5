"""Work on several files, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from myna.errors import MynaError, understood


class Planned(Protocol):
    """Work on one file."""

    @property
    def source(self) -> Path: ...


Work = TypeVar("Work", bound=Planned)
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Batch(Generic[Work, Outcome]):
    """Outcome of a batch; each piece of work is either in `done` or in `failed`."""

    done: dict[Work, Outcome]
    failed: dict[Work, MynaError]
    seconds: float  # run time of the batch


def run_batch(
    planned: Iterable[Work],
    work: Callable[[Work], Outcome],
    on_failure: Callable[[MynaError], None] = lambda error: None,
) -> Batch[Work, Outcome]:
    """Do `work` for each of `planned`.

    Args:
        on_failure: in a batch, called with the error of each file that fails, as soon as it fails.

    Raises:
        MynaError: the work on a single file failed; in a batch, a failure does not stop the others.
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
