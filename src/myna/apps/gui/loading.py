"""Gradio, loaded in half of its time."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quickly() -> Iterator[None]:
    """Do without the garbage collector: among objects that all stay, it searched for 0.2 s of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def load_gradio() -> None:
    """Import Gradio, which then tells nobody anything, and writes nothing into its own folder.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with quickly(), _without_stubs():
        import gradio  # noqa: F401


@contextmanager
def _without_stubs() -> Iterator[None]:
    """Let Gradio take its components for such as have no file.

    It compares a stub for type checkers with each of them whenever it is imported (6.31, `component_meta.py`): 1.3 of
    2.7 s.
    """
    find = inspect.getfile

    def found(of: Any) -> str:
        if isinstance(of, type) and of.__module__.startswith("gradio."):
            raise OSError("no stubs are wanted")
        return find(of)

    inspect.getfile = found  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = find
