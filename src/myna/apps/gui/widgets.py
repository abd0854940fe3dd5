"""Widgets built from the fields of option dataclasses, with their defaults, ranges, choices and texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

import gradio as gr
from pydantic import BaseModel

from myna.apps.gui.texts import label, option_keys
from myna.errors import ConfigError
from myna.keys import page_keys

Options = TypeVar("Options")

EMPTY = "-"  # placeholder of an empty number; without one Gradio shows and sends 0
_KINDS = {int: "a whole number", float: "a number"}


def option_widgets(
    options: type[Any], names: Iterable[str], choices: Mapping[str, list[str]] | None = None
) -> dict[str, gr.components.Component]:
    """Create widgets for the fields `names` of the dataclass `options` in the current Gradio block.

    Args:
        choices: initial choices of the text fields whose values are known only at run time.
    """
    hints = get_type_hints(options)
    specs = {spec.name: spec for spec in fields(options)}
    return {name: _widget(options, specs[name], hints[name], (choices or {}).get(name)) for name in names}


def key_widgets(section: type[BaseModel], **common: Any) -> dict[str, Any]:
    """Create number widgets for the keys of `section` that the training page shows, keyed by their name in the file.

    If a key accepts a word instead of a number, an empty widget stands for that word.

    Args:
        common: additional arguments for every widget.
    """
    widgets = {}
    for name, key in page_keys(section).items():
        assert key.type in (int, float), f"no widget for {name}"
        name_text, help_text = option_keys(section, key.attribute)
        low, high = key.limits
        widgets[name] = gr.Number(
            label=label(name_text),
            info=label(help_text),
            placeholder=" ".join(key.words) or EMPTY,
            minimum=low,
            maximum=high,
            precision=0 if key.type is int else None,
            elem_id=f"voice-{name}",
            **common,
        )
    return widgets


def collect(options: type[Options], values: Mapping[str, Any]) -> Options:
    """Build the dataclass from widget values; a missing or empty value becomes the default.

    Raises:
        ConfigError: a value is out of range or has the wrong type, or no field has its name.
    """
    hints = get_type_hints(options)
    unknown = values.keys() - hints.keys()
    if unknown:
        raise ConfigError(f"no option {', '.join(sorted(unknown))}; there are: {', '.join(hints)}")
    chosen = {}
    for spec in fields(options):  # type: ignore[arg-type]
        value = values.get(spec.name)
        if value is not None and value != "":
            chosen[spec.name] = _typed(value, hints[spec.name])
    return options(**chosen)


def _widget(options: type[Any], spec: Any, hint: Any, known: list[str] | None) -> gr.components.Component:
    name, help = option_keys(options, spec.name)
    common: dict[str, Any] = {
        "label": label(name),
        "info": label(help),
        "value": spec.default,
        "elem_id": f"{options.__name__}-{spec.name}",
    }
    low, high = spec.metadata["low"], spec.metadata["high"]
    kind = _plain(hint)
    if kind is bool:
        return gr.Checkbox(**common)
    choices = known if known is not None else [choice for choice in get_args(hint) if isinstance(choice, str)]
    if choices or known is not None:
        return gr.Dropdown(choices=choices, **common)
    if kind in (int, float):
        if low is not None and high is not None and spec.default is not None:
            return gr.Slider(low, high, step=_step(kind, high - low), **common)
        return gr.Number(minimum=low, maximum=high, precision=0 if kind is int else None, placeholder=EMPTY, **common)
    assert kind is str, f"no widget for {spec.name}"
    return gr.Textbox(**common)


def _step(kind: type, span: float) -> float:
    """Return the step of a slider, fine enough to be useful and coarse enough to set by hand."""
    return 1 if kind is int or span > 50 else 0.01 if span <= 1 else 0.1


def _plain(hint: Any) -> Any:
    """Remove None from an optional type."""
    found = [choice for choice in get_args(hint) if choice is not NoneType and isinstance(choice, type)]
    return found[0] if found else hint


def _typed(value: Any, hint: Any) -> Any:
    kind = _plain(hint)
    try:
        return kind(value) if kind in (int, float, str, Path) else value
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{value!r} is not {_KINDS.get(kind, kind.__name__)}") from error
