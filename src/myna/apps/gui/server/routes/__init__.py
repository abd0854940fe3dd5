"""Resources under `/api/v1`: one module each, with a `router`."""

from __future__ import annotations

from importlib import import_module

from fastapi import APIRouter

MODULES = ("session", "uploads", "jobs", "projects", "booth")


def routers() -> list[APIRouter]:
    """Return the routers of all resources."""
    return [import_module(f"{__name__}.{name}").router for name in MODULES]
