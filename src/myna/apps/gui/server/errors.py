"""Errors as JSON: `{"error": {"code": "config", "message": "one line with the way out"}}`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from myna.apps.gui.error_json import error_json
from myna.errors import BusyError, ConfigError, MynaError, understood
from myna.text import printable

_log = logging.getLogger(__name__)


class NotFound(ConfigError):
    """The item that a request names does not exist."""

    code = "not_found"


@contextmanager
def not_found() -> Iterator[None]:
    """Convert a `ConfigError` in the `with` block to `NotFound`, for which the server answers 404."""
    try:
        yield
    except ConfigError as error:
        raise NotFound(str(error)) from error


class ErrorText(BaseModel):
    code: str
    message: str


class ErrorBody(BaseModel):
    """Body of every answer that is an error."""

    error: ErrorText


def error_response(status: int, message: str, code: str | None = None) -> JSONResponse:
    """Return the answer for an error. Line breaks in `message`, for example from names in a request, are escaped."""
    return JSONResponse(error_json(status, printable(message), code), status)


def add_error_handlers(app: FastAPI, shown: Callable[[str], str]) -> None:
    """Answer every error in the same form; only unexpected exceptions are answered with 500 and logged.

    Args:
        shown: function that removes private paths from a message.
    """

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(400, "; ".join(map(_problem, error.errors())), "request")

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        return error_response(error.status_code, str(error.detail))

    @app.exception_handler(Exception)
    def other(request: Request, error: Exception) -> JSONResponse:
        found = understood(error)
        if found is None:
            _log.error("%s %s", request.method, request.url.path, exc_info=error)
            text = f"{type(error).__name__}: {error} (a defect: please report it)"
            return error_response(500, shown(text), "defect")
        status = 404 if isinstance(found, NotFound) else 409 if isinstance(found, BusyError) else 400
        return error_response(status, shown(str(found)), found.code)

    # After a handler for `Exception`, Starlette logs the error and raises it again; after one for a subclass, it does
    # not.
    for kind in (MynaError, OSError, MemoryError):
        app.add_exception_handler(kind, other)


def _problem(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))
    if error["type"] == "extra_forbidden":
        return f"{place}: there is no such field"
    return f"{place}: {error['msg']}" if place else str(error["msg"])
