"""State and helpers shared by the tabs of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from myna.apps.gui.jobs import Jobs
from myna.errors import ConfigError, explain
from myna.studio.voices import Library
from myna.studio.workspace import Workspace

# Each lane runs one job at a time, and the lanes run in parallel. Thus a song can be converted while one voice is
# inspected, another is trained, and a third is downloaded or packed.
SING, LOOK, LEARN, KEEP = "sing", "look", "learn", "keep"
LANES = (SING, LOOK, LEARN, KEEP)
TICK_SECONDS = 0.5
# Arguments of Gradio events that show no spinner over the outputs and have no endpoint in the API.
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_SHOWN_SECONDS = 20

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Studio:
    """Folder, voices and jobs of an open studio."""

    workspace: Workspace
    voices: Library
    jobs: Jobs
    uploads: Path  # Gradio's upload folder

    def uploaded(self, path: str | Path | None) -> Path:
        """Check that a path is an uploaded file and return it.

        Raises:
            ConfigError: the path is outside the upload folder; visitors may not access other files of this computer.
        """
        if path is None or not Path(path).resolve().is_relative_to(self.uploads.resolve()):
            raise ConfigError("only files that were sent through the page can be read")
        return Path(path)


def shows_errors(handler: Handler) -> Handler:
    """Decorate an event handler to show an error that a person can act on as a message, with HTML escaped."""
    return _showing(handler, escape)


def answered(endpoint: Handler) -> Handler:
    """Decorate an API endpoint to send an error that a person can act on to the client."""
    return _showing(endpoint, str)


def _showing(handler: Handler, spelled: Callable[[str], str]) -> Handler:
    @wraps(handler)
    def shown(*arguments: Any, **named: Any) -> Any:
        try:
            return handler(*arguments, **named)
        except Exception as error:
            reason = explain(error)
            if reason is None:
                raise
            raise gr.Error(spelled(reason), duration=_SHOWN_SECONDS, print_exception=False) from error

    return shown  # type: ignore[return-value]
