"""The reference of `config.json`: every key with its type, default and help, from the models in `myna.config`."""

from __future__ import annotations

import json
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from myna.config import Config

_INTRODUCTION = """\
# Configuration

Generated from the code. Every key of `config.json`, under the names that so-vits-svc and so-vits-svc-fork use. A key
that is absent has the default below. The values that `svc pre-config` starts from stand in its templates;
[Training](../training.md) says which keys are worth changing.
"""
_SECTIONS = ("train", "data", "model")


def render() -> str:
    """Return the page as Markdown."""
    others = {name: spec for name, spec in Config.model_fields.items() if name not in _SECTIONS}
    return "\n".join([_INTRODUCTION, *(_section(name) for name in _SECTIONS), f"## Other keys\n\n{_table(others)}"])


def _section(name: str) -> str:
    model = Config.model_fields[name].annotation
    assert isinstance(model, type)
    return f"## {name}\n\n{_table(model.model_fields)}"


def _table(specs: dict[str, FieldInfo]) -> str:
    rows = "\n".join(
        f"| `{spec.alias or name}` | {_type(spec.annotation)} | {_default(spec)} | {_help(spec)} |"
        for name, spec in specs.items()
    )
    return f"| key | type | default | |\n|---|---|---|---|\n{rows}\n"


def _help(spec: FieldInfo) -> str:
    extra = spec.json_schema_extra if isinstance(spec.json_schema_extra, dict) else {}
    text = "; ".join(filter(None, (spec.description, str(extra.get("note", "")))))
    return text.replace("|", "&#124;").replace("<", "&lt;")


def _default(spec: FieldInfo) -> str:
    value = None if spec.is_required() else spec.get_default(call_default_factory=True)
    return "" if value is None or value == {} else f"`{json.dumps(value)}`"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin is None:
        return str(getattr(annotation, "__name__", annotation))
    name = getattr(origin, "__name__", str(origin))
    if name == "Literal":
        return ", ".join(f'`"{value}"`' for value in arguments)
    if name in ("Union", "UnionType"):
        return " or ".join(_type(one) for one in arguments)
    if name == "Annotated":
        return _type(arguments[0])
    if name == "tuple":
        return f"list of {_type(arguments[0])}"
    return name
