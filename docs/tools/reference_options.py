"""The reference of option dataclasses: their fields with type, range, default and help."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_type_hints

from myna import options

_INTRODUCTION = """\
# Options

Generated from the code. This page lists the dataclasses of `myna.options`. Every field is a flag of a command, a widget
of the studio page, and a keyword argument in Python, for example `ConversionOptions(transpose=12)`. A value out of
range raises `myna.MynaError`.
"""


def render() -> str:
    """Return the page as Markdown."""
    declared = [one for one in vars(options).values() if is_dataclass(one) and one.__module__ == options.__name__]
    return "\n".join([_INTRODUCTION, *(_section(one) for one in declared)])


def _section(declared: Any) -> str:
    hints = get_type_hints(declared)
    rows = "\n".join(_row(spec, hints[spec.name]) for spec in fields(declared))
    header = "| field | values | default | meaning |\n|---|---|---|---|"
    return f"## {declared.__name__}\n\n{declared.__doc__}\n\n{header}\n{rows}\n"


def _row(spec: Any, hint: Any) -> str:
    help_text = spec.metadata["help"].replace("|", "&#124;").replace("<", "&lt;")
    return f"| `{spec.name}` | {_values(hint, spec.metadata)} | {_default(spec.default)} | {help_text} |"


def _values(hint: Any, metadata: Any) -> str:
    parts = [one for one in (get_args(hint) or (hint,)) if one is not NoneType]
    names = ", ".join(one.__name__ if isinstance(one, type) else f"`{one}`" for one in parts)
    low, high = metadata["low"], metadata["high"]
    if low is not None and high is not None:
        return f"{names}, {low:g} to {high:g}"
    return f"{names}, {low:g} or more" if low is not None else names


def _default(value: Any) -> str:
    return "" if value is None else f"`{value}`"
