"""Forms for options, made from their declarations."""

from __future__ import annotations

from fastapi import APIRouter

from myna.apps.gui.forms import Form, FormName, form
from myna.apps.gui.server.context import Language, Studio, StudioOf
from myna.config import Config, TemplateName
from myna.studio.project import find as find_project

router = APIRouter(tags=["forms"])


@router.get("/forms/{name}")
def get_form(
    name: FormName,
    studio: StudioOf,
    language: Language,
    voice: str | None = None,
    project: str | None = None,
    template: TemplateName | None = None,
) -> Form:
    """Return the fields of a form.

    With `voice`, the fields have the voice's default options, and a field without effect for that voice states the
    reason. With `project` or `template`, the fields of "training_keys" have the values of that configuration.
    """
    config = _config(studio, project, template)
    if not voice:
        return form(name, language, config=config)
    found = studio.voices.find(voice)
    facts, noted = studio.reader.read(found), studio.voices.notes(found).defaults
    return form(name, language, facts, config, facts.defaults if noted is None else noted)


def _config(studio: Studio, project: str | None, template: TemplateName | None) -> Config | None:
    own = find_project(studio.workspace, project).status().config if project is not None else None
    if own is not None and template in (None, own.kind):
        return own
    return Config.template(template) if template is not None else None
