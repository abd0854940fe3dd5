"""Child processes of the page's server, each connected to the server by a pipe."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

# Spawn, not fork: the page's process has threads, and a forked child may inherit locks that are never released.
_CONTEXT = multiprocessing.get_context("spawn")


def start_process(target: Callable[[Connection], None], name: str) -> tuple[BaseProcess, Connection]:
    """Start a process that runs `target` with its end of a pipe; return the process and our end of the pipe.

    If the process ends, our end raises EOFError.
    """
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=target, args=(theirs,), name=name)
    process.start()
    theirs.close()
    return process, ours


def cause_of_end(exit_code: int | None) -> str:
    """Describe, in one line, why a process ended before it had finished its work."""
    if exit_code == -9:  # SIGKILL, which Linux sends when memory runs out
        return "its process was killed: this computer may have run out of memory"
    return f"its process ended with code {exit_code} (a defect: please report it)"
