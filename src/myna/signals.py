"""Handling of signals that end a program: SIGTERM, SIGHUP (the terminal was closed), and SIGBREAK on Windows.

Ctrl-C (SIGINT) raises KeyboardInterrupt, except in worker processes, which ignore it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


def raise_when_ended(exception: Callable[[int], BaseException] = lambda number: SystemExit(128 + number)) -> None:
    """Make the first signal in `ENDING` raise an exception, so that cleanup code removes half-written files.

    Later signals in `ENDING` are ignored, because several may be sent at once. Call this function in the main thread.

    Args:
        exception: function that creates the exception, given the number of the signal.
    """

    def end(number: int, frame: FrameType | None) -> None:
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        raise exception(number)

    for number in ENDING:
        # A program started with nohup ignores SIGHUP, and must still ignore it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def leave_terminal_to_parent() -> None:
    """Ignore the signals that a terminal sends to all its processes; the parent process stops this process."""
    for name in ("SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
