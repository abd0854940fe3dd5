"""Packages that are wanted for the weights in them; most of them must not, or need not, be imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def package_folder(name: str) -> Path | None:
    """Where the installed top-level package `name` lies, without importing it; None where it is not installed."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
