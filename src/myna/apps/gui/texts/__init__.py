"""Texts of the page: one JSON file per language, with keys that name where a text is used.

English texts of options and config keys come from their declarations; those about recording come from `myna.studio`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from typing import Any

from myna.config import TrainConfig
from myna.keys import page_keys
from myna.options import ConversionOptions, EvaluateOptions, TrainOptions, capitalized

LANGUAGES = ("en", "ko", "zh")
_OPTIONS = (ConversionOptions, EvaluateOptions, TrainOptions)


@cache
def texts(language: str) -> dict[str, str]:
    """Return all texts by key, in one of `LANGUAGES`."""
    found: dict[str, str] = json.loads((files(__name__) / f"{language}.json").read_text("utf-8"))
    return {**_option_texts(), **_key_texts(), **_recording_texts(), **found} if language == "en" else found


def option_keys(options: type[Any], name: str) -> tuple[str, str]:
    """Return the text keys for the label and for the help of a field in an option dataclass or a config section."""
    return f"{options.__name__}.{name}", f"{options.__name__}.{name}.help"


@cache
def complete_texts(language: str) -> dict[str, str]:
    """Return all texts by key; texts that `language` lacks are English, as are all texts of an unknown language."""
    english = texts(LANGUAGES[0])
    return {**english, **texts(language)} if language in LANGUAGES else english


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
    """Return the English texts of melodies, singing hints and take problems."""
    from myna.studio.prompts import HINTS, TITLES
    from myna.studio.take_report import PROBLEMS

    parts: dict[str, Mapping[str, str]] = {"melody": TITLES, "hint": HINTS, "problem": PROBLEMS}
    return {f"{part}.{key}": text for part, said in parts.items() for key, text in said.items()}
