"""Reading of JSON files that people edit."""

from __future__ import annotations

import json
import locale
from pathlib import Path
from typing import Any


class JsonError(ValueError):
    """Error for a file that is not valid JSON; the message completes the sentence "FILE ..."."""


def read_json(path: Path) -> Any:
    """Read a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or in the system's encoding.

    Raises:
        OSError: the file cannot be read.
        JsonError: the file is not valid JSON; the message states the line and the column of a syntax error.
    """
    text = _decoded(path.read_bytes())
    if not text.strip():
        raise JsonError("is empty; download or copy it again")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"is not JSON: line {error.lineno}, column {error.colno}: {_reason(error)}") from error
    except RecursionError as error:
        raise JsonError("is nested too deeply") from error
    except ValueError as error:  # Python refuses integers of more than 4,300 digits
        raise JsonError("contains a number with thousands of digits") from error


def _decoded(data: bytes) -> str:
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        wrong = error
    try:
        return data.decode(locale.getpreferredencoding(False))
    except UnicodeDecodeError:
        line = data.count(b"\n", 0, wrong.start) + 1
        raise JsonError(f"is not text in {encoding.upper()} (line {line}); save it in UTF-8") from wrong


def _reason(error: json.JSONDecodeError) -> str:
    """Describe a syntax error; two common mistakes in files edited by hand have their own messages."""
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip(", \t\r\n")
    if error.doc[error.pos :].startswith(("//", "/*", "#")):
        return "comments are not allowed in JSON; delete the comment"
    if after[:1] in ("}", "]") and (before.endswith(",") or error.doc[error.pos : error.pos + 1] == ","):
        return "there is an extra comma before it"
    return error.msg[:1].lower() + error.msg[1:]
