"""Parallel processing of many files, in worker processes that end with the calling process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import TypeVar

from myna.errors import ConfigError, TooLittleMemoryError
from myna.signals import leave_terminal_to_parent

_MAX_JOBS = 61  # Windows cannot wait for more processes

Item = TypeVar("Item")
Result = TypeVar("Result")


def n_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_jobs(n_jobs: int) -> int:
    """Return the number of processes for `n_jobs`: -1 means one per core, -2 one less, as in the predecessors.

    Raises:
        ConfigError: `n_jobs` is 0.
    """
    if n_jobs == 0:
        raise ConfigError("the number of jobs must be 1 or more, or -1 for one per core")
    return n_jobs if n_jobs > 0 else max(n_cores() + 1 + n_jobs, 1)


def map_unordered(
    function: Callable[[Item], Result], items: Sequence[Item], n_jobs: int
) -> Generator[Result, None, None]:
    """Yield the results of `function` for all `items`, in the order of completion; close the generator to stop.

    Args:
        function: function of one item. If `n_jobs` > 1, the function, items and results are pickled, so the function
            must be defined at the top level of a module.
        items: arguments of `function`, started in this order.
        n_jobs: number of processes; 1 calls `function` in the current process.

    Raises:
        TooLittleMemoryError: a process was killed. (Exceptions of `function` are raised unchanged.)
    """
    if n_jobs == 1:
        yield from map(function, items)
        return
    # Spawn processes instead of forking them: libraries with threads (PyTorch, soxr) break in a forked process.
    executor = ProcessPoolExecutor(min(n_jobs, _MAX_JOBS), mp_context=get_context("spawn"), initializer=_start_worker)
    try:
        for future in as_completed([executor.submit(function, item) for item in items]):
            yield future.result()
    except BrokenProcessPool as error:
        raise TooLittleMemoryError(
            f"a worker was killed, probably for lack of memory; use fewer: -n {n_jobs // 2}"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _start_worker() -> None:
    leave_terminal_to_parent()  # the parent stops the workers after their current files
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
