"""Signals that end a program: SIGTERM, SIGHUP (the terminal was closed), and SIGBREAK on Windows.

Ctrl-C, which is SIGINT, raises KeyboardInterrupt in Python. Only worker processes change that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


def raise_when_ended(exception: Callable[[int], BaseException] = lambda number: SystemExit(128 + number)) -> None:
    """Raise an exception on the first signal of `ENDING`, so that cleanup code removes half-written files.

    Later signals of `ENDING` are ignored, since several may be sent at once. Call it in the main thread.

    Args:
        exception: function that creates the exception, given the number of the signal.
    """

    def end(number: int, frame: FrameType | None) -> None:
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        raise exception(number)

    for number in ENDING:
        # A program started by nohup inherits that SIGHUP is ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def leave_terminal_to_parent() -> None:
    """Ignore the signals that a terminal sends to all its processes; the parent process ends this one in order."""
    for name in ("SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
