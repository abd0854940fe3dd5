"""Errors of the interface as JSON: `{"error": {"code": "config", "message": "one line with the way out"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Codes by HTTP status. Errors of actions have their own codes.
CODES: Mapping[int, str] = MappingProxyType(
    {
        401: "login",
        403: "origin",
        404: "not_found",
        405: "method",
        409: "busy",
        413: "too_large",
        421: "host",
        429: "wait",
    }
)


def error_json(status: int, message: str, code: str | None = None) -> dict[str, dict[str, str]]:
    """Return the JSON value of an error; if `code` is None, the status determines it."""
    return {"error": {"code": code or CODES.get(status, "request"), "message": message}}
