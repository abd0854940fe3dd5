"""Forms for options, made from their declarations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from myna.apps.gui.forms import Form, FormName, form
from myna.apps.gui.server.context import Studio, language_of, studio_of
from myna.apps.gui.tasks.singing import ReadTraits

router = APIRouter(tags=["forms"])


@router.get("/forms/{name}")
def get_form(
    name: FormName,
    studio: Annotated[Studio, Depends(studio_of)],
    language: Annotated[str, Depends(language_of)],
    voice: str | None = None,
) -> Form:
    """Return the fields of a form; with a voice, also why a field does nothing for it."""
    traits = studio.call(ReadTraits(voice=studio.voices.find(voice))) if voice else None
    return form(name, language, traits)
