"""The texts of the page: a file a language, one key a text.

English texts of options and config keys come from their declarations, and those about recordings from `studio`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from myna.config import TrainConfig
from myna.keys import page_keys
from myna.options import ConversionOptions, EvaluateOptions, TrainOptions, capitalized

if TYPE_CHECKING:
    import gradio as gr

LANGUAGES = ("en", "ko")
_OPTIONS = (ConversionOptions, EvaluateOptions, TrainOptions)


@cache
def texts(language: str) -> dict[str, str]:
    """All texts of one of `LANGUAGES`, by key."""
    found: dict[str, str] = json.loads((files(__name__) / f"{language}.json").read_text("utf-8"))
    return {**_option_texts(), **_key_texts(), **_recording_texts(), **found} if language == "en" else found


def option_keys(options: type[Any], name: str) -> tuple[str, str]:
    """Return the text keys of the label and the help of a field of an option dataclass or a config section."""
    return f"{options.__name__}.{name}", f"{options.__name__}.{name}.help"


def language_of(request: gr.Request | None) -> str:
    """The one of `LANGUAGES` that a browser asks for first; English where it asks for none of them."""
    wanted = (request.headers.get("accept-language") or "" if request else "").lower()
    for part in wanted.split(","):
        if (language := part.split(";")[0].split("-")[0].strip()) in LANGUAGES:
            return language
    return LANGUAGES[0]


def say(request: gr.Request | None, key: str, **values: Any) -> str:
    """A text in the language of whoever asks, with `values` in its places."""
    return texts(language_of(request))[key].format(**values)


@cache
def i18n() -> gr.I18n:
    """What Gradio translates labels by, in the browser."""
    import gradio as gr

    return gr.I18n(**{language: texts(language) for language in LANGUAGES})


def label(key: str) -> Any:
    """A text that the browser puts into its own language."""
    assert key in texts("en"), f"no text {key!r}"
    return i18n()(key)


def spoken(language: str, part: str) -> dict[str, Any]:
    """The texts of `part`, as properties of a component whose script says them: "play" for "player.play"."""
    found = {key.removeprefix(f"{part}."): text for key, text in texts(language).items() if key.startswith(f"{part}.")}
    return {"texts": found, "part": part}


def _option_texts() -> dict[str, str]:
    found: dict[str, str] = {}
    for options in _OPTIONS:
        for spec in fields(options):
            if spec.metadata["key"] is None:  # the page offers the config key instead
                found |= _field_texts(options, spec.name, spec.metadata["help"])
    return found


def _key_texts() -> dict[str, str]:
    found: dict[str, str] = {}
    for key in page_keys(TrainConfig).values():
        found |= _field_texts(TrainConfig, key.attribute, f"{key.help}; {key.note}" if key.note else key.help)
    return found


def _field_texts(declared_in: type[Any], name: str, help: str) -> dict[str, str]:
    label_key, help_key = option_keys(declared_in, name)
    return {label_key: name.replace("_", " ").capitalize(), help_key: capitalized(help)}


def _recording_texts() -> dict[str, str]:
    """What is sung, how, what may be wrong with it, and the words of the booth."""
    from myna.apps.gui.booth import TEXTS
    from myna.studio.prompts import HINTS, TITLES
    from myna.studio.takes import PROBLEMS

    parts: dict[str, Mapping[str, str]] = {"booth": TEXTS, "melody": TITLES, "hint": HINTS, "problem": PROBLEMS}
    return {f"{part}.{key}": text for part, said in parts.items() for key, text in said.items()}
