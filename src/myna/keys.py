"""Keys of `config.json`, each declared once with help, unit and range. Docs, flags and widgets are made from these."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

_BOUNDS = ("ge", "gt", "le", "lt")
_WORDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def key(
    default: Any,
    help: str,
    *,
    note: str = "",
    unit: str = "",
    alias: str | None = None,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    page: int = 0,
) -> Any:
    """Declare a field of a section of the configuration.

    Args:
        default: value if the file lacks the key; `...` makes the key required.
        help: one line of help for users.
        note: additional remark, shown in the docs and on the page but not in a flag's help.
        unit: unit of the value, for example "Hz", if `help` does not name it.
        alias: name in the file, if it differs from the attribute's name.
        gt: exclusive lower bound. `gt`, `ge`, `lt` and `le` have the same meaning as in pydantic.
        page: position of the key's widget on the training page; 0 for no widget.
    """
    return Field(
        default,
        description=f"{help}, in {unit}" if unit else help,
        alias=alias,
        gt=gt,
        ge=ge,
        lt=lt,
        le=le,
        json_schema_extra={"note": note, "page": page},
    )


@dataclass(frozen=True)
class Key:
    """One key of a section of the configuration."""

    attribute: str
    spec: FieldInfo

    @property
    def name(self) -> str:
        """Name of the key in the file."""
        return self.spec.alias or self.attribute

    @property
    def help(self) -> str:
        """One line of help, including the unit."""
        return self.spec.description or ""

    @property
    def note(self) -> str:
        return str(self._extra["note"])

    @property
    def page(self) -> int:
        return int(self._extra["page"])

    @property
    def default(self) -> str:
        """Default as JSON; "" for a required key."""
        return "" if self.spec.is_required() else json.dumps(self.spec.get_default(call_default_factory=True))

    @property
    def type(self) -> Any:
        """Type of the values, without None and literal words: `int` for `int | Literal["auto"] | None`."""
        for part in self._parts:
            if part is not NoneType and get_origin(part) is not Literal:
                return get_args(part)[0] if get_origin(part) is Annotated else part
        return str

    @property
    def words(self) -> tuple[str, ...]:
        """Words that are allowed as values."""
        return tuple(word for part in self._parts if get_origin(part) is Literal for word in get_args(part))

    @property
    def bounds(self) -> dict[str, float]:
        """Bounds of a number under pydantic's names: gt, ge, lt, le."""
        constraints = [*self.spec.metadata, *(one for part in self._parts for one in getattr(part, "__metadata__", ()))]
        return {name: getattr(one, name) for one in constraints for name in _BOUNDS if hasattr(one, name)}

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """Smallest and largest allowed value; None without a bound. An exclusive bound of a float is kept unchanged."""
        bounds, step = self.bounds, 1 if self.type is int else 0
        low = bounds["gt"] + step if "gt" in bounds else bounds.get("ge")
        high = bounds["lt"] - step if "lt" in bounds else bounds.get("le")
        return low, high

    @property
    def range(self) -> str:
        """Description of the allowed values for users; empty if every value of the type is allowed."""
        if self.type is int:
            limits = zip(("ge", "le"), self.limits, strict=True)
            bounds = {name: value for name, value in limits if value is not None}
        else:
            bounds = self.bounds
        if bounds.keys() == {"ge", "le"}:
            numbers = [f"{bounds['ge']:g} to {bounds['le']:g}"]
        else:
            numbers = [f"{_WORDS[name]} {bounds[name]:g}" for name in _BOUNDS if name in bounds]
        words = ["true", "false"] if self.type is bool else [f'"{word}"' for word in self.words]
        choices = [*([", ".join(numbers)] if numbers else []), *words]
        return " or ".join(filter(None, (", ".join(choices[:-1]), *choices[-1:])))

    @property
    def _parts(self) -> tuple[Any, ...]:
        """Members of the annotation if it is a union, else the annotation itself."""
        annotation = self.spec.annotation
        return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)

    @property
    def _extra(self) -> dict[str, Any]:
        assert isinstance(self.spec.json_schema_extra, dict), f"{self.name} is not declared with key()"
        return self.spec.json_schema_extra


def keys_of(section: type[BaseModel]) -> dict[str, Key]:
    """Return the keys of a section, by their names in the file, in the order of declaration."""
    keys = (Key(attribute, spec) for attribute, spec in section.model_fields.items())
    return {one.name: one for one in keys}


def page_keys(section: type[BaseModel]) -> dict[str, Key]:
    """Return the keys of a section that have a widget on the training page, in the order of the widgets."""
    shown = [(name, one) for name, one in keys_of(section).items() if one.page]
    return dict(sorted(shown, key=lambda pair: pair[1].page))
