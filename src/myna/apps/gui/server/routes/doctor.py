"""Checks of this computer and this installation."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from myna.apps.actions.doctor import State, diagnose
from myna.apps.gui.server.context import StudioOf
from myna.apps.gui.server.errors import ErrorText

router = APIRouter(tags=["doctor"])


class CheckView(BaseModel):
    """Outcome of one check. `remedy` is one command or step; `code` is the kind of error if the state is bad."""

    name: str
    title: str
    state: State
    text: str
    remedy: str
    code: str | None = None
    facts: dict[str, Any]


class DoctorView(BaseModel):
    """All checks. `findings` are the checks with problems, then those with remarks."""

    findings: list[CheckView]
    checks: list[CheckView]
    seconds: float
    error: ErrorText | None = None


@router.get("/doctor", response_model_exclude_none=True)
def doctor(studio: StudioOf) -> DoctorView:
    """Check this computer, which takes a second or two. Return the record of `svc doctor --json`.

    A visitor from another computer gets names of files instead of paths.
    """
    diagnosis = diagnose(studio.workspace.folder, paths=studio.local)
    found = DoctorView.model_validate(diagnosis.plain())
    if (error := diagnosis.error) is not None:
        found.error = ErrorText(code=error.code, message=str(error))
    return found
