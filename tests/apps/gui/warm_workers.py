"""Worker processes of a studio that start with PyTorch loaded, since each import takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from myna.apps.gui import processes


class WarmContext:
    """Context of multiprocessing whose processes are forked from one that has no threads and has imported PyTorch."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            [
                "myna.conversion.converter",
                "myna.training.train",
                "myna.apps.gui.jobs",
                "myna.apps.gui.live.session",
            ]
        )
        self.Pipe = self._context.Pipe

    def Process(self, *, target: Callable[..., None], args: tuple[Any, ...], name: str) -> Any:
        """Create a process with the environment of this one; that of the parent was copied at the first start."""
        return self._context.Process(target=_in_environment, args=(dict(os.environ), target, args), name=name)


def _in_environment(environment: Mapping[str, str], target: Callable[..., None], args: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    target(*args)


@contextmanager
def warm_workers() -> Iterator[None]:
    """Start the workers of all studios of this process with PyTorch loaded, where a fork of it is safe."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setattr(processes, "_CONTEXT", WarmContext())
        yield
