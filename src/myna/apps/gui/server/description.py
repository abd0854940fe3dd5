"""OpenAPI descriptions of errors, and of answers and request bodies that are files."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from myna.apps.gui.server.errors import ErrorBody

Answers = dict[int | str, dict[str, Any]]

_TEXTS = {
    400: "The request does not fit; the message says why and what to do.",
    401: "A name and a password are needed: POST /login.",
    403: "The request comes from a page of another origin.",
    404: "There is no such thing.",
    409: "It is in use.",
    413: "The body of the request is too large, or there is no room for the file.",
    421: "The studio is not served under this name.",
    429: "Too many wrong passwords; the header Retry-After says how long to wait.",
}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
# Body of a request that is a file.
FILE_BODY = {"requestBody": {"content": {"application/octet-stream": _BYTES}, "required": True}}


def errors(*statuses: int) -> Answers:
    """Return the descriptions of errors, for the parameter `responses` of an application or a route."""
    return {status: {"model": ErrorBody, "description": _TEXTS[status]} for status in statuses}


def file_of(media_type: str) -> Answers:
    """Return the description of an answer that is a file, for the parameter `responses` of a route."""
    return {200: {"content": {media_type: _BYTES}, "description": "The file."}}


class DescribedApp(FastAPI):
    """FastAPI application whose description contains the errors of the guard and of `add_error_handlers`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(responses=errors(400, 401, 403, 404, 409, 421), **options)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            _replace_errors(super().openapi())
        return super().openapi()


def _replace_errors(description: dict[str, Any]) -> None:
    """Remove FastAPI's 422 for invalid requests, which get 400 here; add 413 for bodies that are too large."""
    for methods in description["paths"].values():
        for method, operation in methods.items():
            operation["responses"].pop("422", None)
            if method != "get":
                operation["responses"]["413"] = {**operation["responses"]["400"], "description": _TEXTS[413]}
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)
