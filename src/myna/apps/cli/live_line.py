"""Status line of live conversion in the terminal."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from myna.apps.cli.report import echo, rewrite_line

if TYPE_CHECKING:
    from myna.realtime.engine import LiveReport

_SHOWN_SECONDS = 0.4  # minimum time between two states on a terminal
_LINE_SECONDS = 5.0  # minimum time between two lines in a file or a pipe
_METER_DB, _METER_WIDTH = 60, 12


class LiveLine:
    """One line that is rewritten in place on a terminal; elsewhere, a new line every few seconds."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._next = 0.0
        self._is_open = False
        self._lock = threading.RLock()  # messages come from several threads

    def is_due(self) -> bool:
        """Return True if enough time has passed to show the state again."""
        return time.monotonic() >= self._next

    def show(self, report: LiveReport, pitch_hz: float | None) -> None:
        """Show a state, and the pitch of the input."""
        self._next = time.monotonic() + (_SHOWN_SECONDS if self._on_terminal else _LINE_SECONDS)
        state, gaps = _state(report, pitch_hz), _gaps(report)
        if not self._on_terminal:
            echo(f"{state}  {gaps}", err=True)
            return
        width = shutil.get_terminal_size().columns - len(gaps) - 3
        shown = click.style(gaps, fg="red") if report.recent_gaps else gaps
        with self._lock:
            rewrite_line(f"{state[: max(width, 0)]}  {shown}")
            self._is_open = True

    def message(self, text: str) -> None:
        """Print a message on a line of its own."""
        with self._lock:
            self.end()
            echo(text, err=True)

    def end(self) -> None:
        """End the line."""
        with self._lock:
            if self._is_open:
                echo("", err=True)
            self._is_open = False


def _state(report: LiveReport, pitch_hz: float | None) -> str:
    level = min(max(report.input_db + _METER_DB, 0), _METER_DB) / _METER_DB
    meter = ("#" * round(level * _METER_WIDTH)).ljust(_METER_WIDTH, ".")
    pitch = f"{pitch_hz:4.0f} Hz" if pitch_hz else "   - Hz"
    compute, block = 1e3 * report.compute.p95, 1e3 * report.block
    return (
        f"in {meter} {report.input_db:4.0f} dB  {pitch}  delay {1e3 * report.latency:.0f} ms "
        f"(devices {1e3 * (report.input + report.output):.0f}, reserve {1e3 * report.buffer:.0f}, voice "
        f"{1e3 * report.stream:.0f})  block {compute:.0f} of {block:.0f} ms"
    )


def _gaps(report: LiveReport) -> str:
    from myna.realtime.statistics import GAP_SECONDS

    if not report.recent_gaps:
        return "no gaps"
    return f"{report.recent_gaps} {'gap' if report.recent_gaps == 1 else 'gaps'} in the last {GAP_SECONDS:.0f} s"


@contextmanager
def quiet_drivers() -> Iterator[None]:
    """Discard drivers' messages on standard error, which would break the line; show our own messages and warnings.

    ALSA and PortAudio write to standard error from their own threads. With -v, nothing is discarded.
    """
    old = sys.stderr
    if not _is_standard_error() or logging.getLogger().isEnabledFor(logging.DEBUG):
        yield
        return
    saved = os.dup(2)
    own = open(saved, "w", encoding=old.encoding, errors=old.errors, buffering=1, closefd=False)  # noqa: SIM115
    nowhere = os.open(os.devnull, os.O_WRONLY)
    handlers = [
        one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler) and one.stream is old
    ]
    try:
        os.dup2(nowhere, 2)
        _write_to(own, handlers)
        yield
    finally:
        own.flush()
        os.dup2(saved, 2)
        _write_to(old, handlers)
        own.close()
        os.close(saved)
        os.close(nowhere)


def _write_to(stream: TextIO, handlers: list[logging.StreamHandler[TextIO]]) -> None:
    sys.stderr = stream
    for handler in handlers:
        handler.setStream(stream)


def _is_standard_error() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):  # standard error is not a file, or is None
        return False
