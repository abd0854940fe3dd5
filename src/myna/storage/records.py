"""Records: pydantic models in JSON files that only this program writes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def read_record(kind: type[Model], path: Path) -> Model | None:
    """Read a record; return None if the file is missing or damaged, or is from a version with other fields."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
