"""Start other programs with the signals of a terminal's program, and leave none of them running."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# A test run in the background of a script inherits that SIGINT is ignored; under nohup, it is SIGHUP.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)]


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a program, in a process group of its own; pass it to `end`. `options` are those of `subprocess.Popen`."""
    # The program inherits the default of a signal from this process, which has it only meanwhile.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in _SIGNALS}
    try:
        return subprocess.Popen(command, start_new_session=True, **options)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(process: subprocess.Popen[Any]) -> None:
    """Kill a program and the processes that it started, if they still run, and close its pipes."""
    if hasattr(os, "killpg"):
        # The group exists as long as one process of it; the others may outlive the first.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait(30)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


@contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a program like `start`, and `end` it after the block."""
    process = start(command, **options)
    try:
        yield process
    finally:
        end(process)


def run(
    command: Sequence[str | Path], *, timeout: float = 100, check: bool = False, text: bool = True, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a program to its end and capture its output, like `subprocess.run`."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with started(command, text=text, **pipes) as process:
        output, errors = process.communicate(timeout=timeout)
        done = subprocess.CompletedProcess(command, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done
