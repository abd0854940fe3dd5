"""Presets: named sets of conversion options."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from myna.apps.gui.server.context import StudioOf
from myna.apps.gui.server.errors import NotFound
from myna.apps.gui.server.requests import Body
from myna.apps.gui.server.routes.trash import TrashedView, trashed
from myna.studio import presets

router = APIRouter(tags=["presets"])
Name = Annotated[str, Query(min_length=1, max_length=255)]


class PresetName(BaseModel):
    name: str


class PresetValues(Body):
    """Values of ConversionOptions; options that are left out have their default values."""

    values: dict[str, Any]


class Preset(PresetName, PresetValues): ...


@router.get("/presets")
def all_presets(studio: StudioOf) -> list[PresetName]:
    """List the presets by name."""
    return [PresetName(name=name) for name in presets.names(studio.workspace)]


@router.get("/preset")
def preset(name: Name, studio: StudioOf) -> Preset:
    """Return the options of a preset that differ from the default values."""
    found = presets.read(studio.workspace, name)
    if found is None:
        raise NotFound(f"there is no preset {name!r}")
    return Preset(name=name, values=found)


@router.put("/preset")
def save(name: Name, sent: PresetValues, studio: StudioOf) -> Preset:
    """Save options as a preset; replace an earlier preset with the same name."""
    stored = presets.write(studio.workspace, name, sent.values)
    studio.changed("presets")
    return preset(stored, studio)


@router.delete("/preset")
def delete(name: Name, studio: StudioOf) -> TrashedView:
    """Move a preset to the trash."""
    if name not in presets.names(studio.workspace):
        raise NotFound(f"there is no preset {name!r}")
    return trashed(studio, presets.throw(studio.workspace, name))
