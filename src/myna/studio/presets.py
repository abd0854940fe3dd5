"""Presets: named sets of conversion options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from myna.errors import ConfigError
from myna.options import ConversionOptions, names_a_file, parse_options
from myna.storage.atomic import write_text
from myna.studio import trash
from myna.studio.workspace import Workspace, safe_name

TRASHED = "preset"  # kind of a preset in the trash


def names(workspace: Workspace) -> list[str]:
    """Return the names of the presets, sorted."""
    return sorted((path.stem for path in workspace.presets.glob("*.json")), key=str.casefold)


def read(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """Return the values of a preset that differ from the defaults; None if there is no such preset.

    Raises:
        ConfigError: the file of the preset is malformed.
    """
    if name not in names(workspace):
        return None
    path = _path(workspace, name)
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not a preset: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is not a preset")
    known = {spec.name for spec in fields(ConversionOptions)}
    return _values({key: value for key, value in found.items() if key in known})


def write(workspace: Workspace, name: str, values: Mapping[str, Any]) -> str:
    """Save options as a preset, and return its name; replace an existing preset with the same name.

    Raises:
        ConfigError: a value is not allowed, or `name` cannot be used as a file name.
    """
    stored, plain = safe_name(name), _values(values)
    write_text(_path(workspace, stored), json.dumps(plain, indent=2))
    return stored


def throw(workspace: Workspace, name: str) -> trash.Trashed:
    """Move a preset to the trash.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in names(workspace):
        raise ConfigError(f"there is no preset {name!r}")
    return trash.throw(workspace, TRASHED, name, name, [_path(workspace, name)])


def _path(workspace: Workspace, name: str) -> Path:
    return workspace.presets / f"{name}.json"


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    found = parse_options(ConversionOptions, values)
    if names_a_file(found):
        raise ConfigError("a preset cannot name a file of this computer")
    return {name: getattr(found, name) for name in values if getattr(found, name) != getattr(ConversionOptions(), name)}
