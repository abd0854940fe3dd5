"""Resources under `/api/v1`, one module with a `router` each."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """Return the routers of all modules in this folder."""
    return [import_module(f"{__name__}.{module.name}").router for module in iter_modules(__path__)]
