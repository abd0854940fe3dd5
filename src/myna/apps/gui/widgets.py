"""Widgets built from the fields of option dataclasses, with their defaults, ranges, choices and texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Any, get_args, get_type_hints

import gradio as gr
from pydantic import BaseModel

from myna.apps.gui.texts import LANGUAGES, label, option_keys, texts
from myna.errors import ConfigError
from myna.keys import page_keys
from myna.options import plain_type, typed

EMPTY = "-"  # placeholder of an empty number


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
    """Create widgets for the numbers of `section` that the training page shows, keyed by their name in the file.

    If a key accepts a word instead of a number, an empty widget stands for that word.

    Args:
        common: additional arguments for every widget.
    """
    widgets = {}
    for name, key in page_keys(section).items():
        assert key.type in (int, float), f"no widget for {name}"
        name_text, help_text = option_keys(section, key.attribute)
        widgets[name] = _number_field(
            label=label(name_text),
            info=label(help_text),
            placeholder=" ".join(key.words) or EMPTY,
            elem_id=f"voice-{name}",
            **common,
        )
    return widgets


def key_values(section: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Parse the values of `key_widgets`; an empty one becomes the key's word if it has one, and is left out if not.

    Raises:
        ConfigError: a value is not a number or out of range; the message names the key.
    """
    found: dict[str, Any] = {}
    for name, key in page_keys(section).items():
        value = values.get(name)
        if value is None or str(value).strip() in ("", *key.words):
            if key.words:
                found[name] = key.words[0]
            continue
        number = found[name] = typed(name, value, key.type)
        low, high = key.limits
        if (low is not None and not number >= low) or (high is not None and not number <= high):
            raise ConfigError(f"{name} must be {key.range}; got {number}")
    return found


def name_fields(page: gr.Blocks) -> None:
    """Make Gradio's checks of values name the field, which "Value 99 is greater than maximum value 36." does not.

    They do not know the visitor's language, so the name is given in each.
    """
    for block in page.blocks.values():
        if isinstance(block, gr.components.Component) and isinstance(block.label, gr.i18n.I18nData):
            names = dict.fromkeys(texts(language)[block.label.key] for language in LANGUAGES)
            block.preprocess = _naming(block.preprocess, " / ".join(names))  # type: ignore[assignment, method-assign]


def _naming(preprocess: Callable[[Any], Any], field: str) -> Callable[[Any], Any]:
    @wraps(preprocess)
    def named(payload: Any) -> Any:
        try:
            return preprocess(payload)
        except gr.Error as error:
            raise gr.Error(f"{field}: {error.message}", print_exception=False) from error

    return named


def _widget(options: type[Any], spec: Any, hint: Any, known: list[str] | None) -> gr.components.Component:
    name, help = option_keys(options, spec.name)
    common: dict[str, Any] = {
        "label": label(name),
        "info": label(help),
        "value": spec.default,
        "elem_id": f"{options.__name__}-{spec.name}",
    }
    low, high = spec.metadata["low"], spec.metadata["high"]
    kind = plain_type(hint)
    if kind is bool:
        return gr.Checkbox(**common)
    choices = known if known is not None else [choice for choice in get_args(hint) if isinstance(choice, str)]
    if choices or known is not None:
        return gr.Dropdown(choices=choices, **common)
    if kind in (int, float):
        if low is not None and high is not None and spec.default is not None:
            return gr.Slider(low, high, step=_step(kind, high - low), **common)
        return _number_field(placeholder=EMPTY, **common)
    assert kind is str, f"no widget for {spec.name}"
    return gr.Textbox(**common)


def _number_field(**options: Any) -> gr.Textbox:
    """Create a field for a number that may be empty.

    It is not a `gr.Number`: Gradio 6.31 sends 0 for an empty one as soon as the section around it is opened.
    """
    return gr.Textbox(max_lines=1, **options)


def _step(kind: type, span: float) -> float:
    """Return the step of a slider, fine enough to be useful and coarse enough to set by hand."""
    return 1 if kind is int or span > 50 else 0.01 if span <= 1 else 0.1
