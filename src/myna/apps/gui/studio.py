"""What the tabs of the page share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from myna.apps.gui.jobs import Jobs
from myna.errors import ConfigError, MynaError
from myna.studio.voices import Library
from myna.studio.workspace import Workspace

# A song is sung while another is looked at, a voice is trained, and one is fetched or packed; each lane does one thing
# at a time.
SING, LOOK, LEARN, KEEP = "sing", "look", "learn", "keep"
LANES = (SING, LOOK, LEARN, KEEP)
TICK_SECONDS = 0.5
# Of an event: Gradio draws no spinner over what it changes, and offers it to no program.
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_SHOWN_SECONDS = 20

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Studio:
    """The folder, its voices, and the work that goes on."""

    workspace: Workspace
    voices: Library
    jobs: Jobs
    uploads: Path  # where Gradio puts what a page sends

    def uploaded(self, path: str | Path | None) -> Path:
        """A file that a page has sent.

        Raises:
            ConfigError: it is none: the page names no other files of this computer.
        """
        if path is None or not Path(path).resolve().is_relative_to(self.uploads.resolve()):
            raise ConfigError("only files that were sent through the page are read")
        return Path(path)


def told(handler: Handler) -> Handler:
    """A handler of an event whose `MynaError` the page shows, as the terminal would."""
    return _showing(handler, escape)


def answered(endpoint: Handler) -> Handler:
    """An endpoint whose `MynaError` a program gets."""
    return _showing(endpoint, str)


def _showing(handler: Handler, spelled: Callable[[str], str]) -> Handler:
    @wraps(handler)
    def shown(*arguments: Any, **named: Any) -> Any:
        try:
            return handler(*arguments, **named)
        except MynaError as error:
            reason = str(error)
            raise gr.Error(spelled(reason), duration=_SHOWN_SECONDS, print_exception=False) from error
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or ''}"
            raise gr.Error(spelled(reason), duration=_SHOWN_SECONDS) from error

    return shown  # type: ignore[return-value]
