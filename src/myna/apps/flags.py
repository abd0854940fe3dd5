"""Command-line flags built from option dataclasses: one flag per field, with its default, choices and help."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

import click

from myna.errors import ConfigError
from myna.options import capitalized, words_of

Options = TypeVar("Options")


def option_flags(
    options: type[Any], names: Collection[str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds one flag per field of the dataclass `options` to a Click command.

    With `names`, only these fields get flags.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for parameter in reversed(_parameters(options, names)):
            command = parameter(command)
        return command

    return decorate


def collect(options: type[Options], chosen: dict[str, Any]) -> Options:
    """Move the values of the fields of the dataclass `options` out of `chosen`, and create an instance from them.

    Fields that are missing in `chosen` get their default values.

    Raises:
        click.UsageError: a value is out of range, or two values exclude each other.
    """
    names = [spec.name for spec in fields(options)]  # type: ignore[arg-type]
    values = {name: chosen.pop(name) for name in names if name in chosen}
    try:
        return options(**values)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def as_flags(options: Any, also: Collection[str] = ()) -> list[str]:
    """Return the command-line arguments that reproduce `options`.

    Fields with their default value are omitted, except those in `also`, for which the voice may have another default.
    """
    words: list[str] = []
    for spec in fields(options):
        value = getattr(options, spec.name)
        if value is None or (value == spec.default and spec.name not in also):
            continue
        name = spec.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def _parameters(options: type[Any], names: Collection[str] | None) -> list[Callable[..., Any]]:
    hints = get_type_hints(options)
    return [_parameter(spec, hints[spec.name]) for spec in fields(options) if names is None or spec.name in names]


def _parameter(spec: Any, hint: Any) -> Callable[..., Any]:
    assert spec.default is not MISSING, f"option {spec.name} has no default"
    name = spec.name.replace("_", "-")
    settings: dict[str, Any] = {"help": f"{capitalized(spec.metadata['help'])}.", "default": spec.default}
    if spec.default is not None:
        settings["show_default"] = True
    if hint is bool:
        return click.option(spec.name, *_boolean_flags(name, spec.metadata["flags"]), **settings)
    settings["type"] = _click_type(hint)
    return click.option(spec.name, *spec.metadata["flags"], f"--{name}", **settings)


def _boolean_flags(name: str, flags: tuple[str, ...]) -> list[str]:
    """Return the flags of a boolean option; the long flags form the "--on/--off" pair that Click expects."""
    return [*flags, f"--{name}/--no-{name}"]


def _click_type(hint: Any) -> Any:
    if isinstance(hint, type):
        return hint
    if choices := words_of(hint):
        return click.Choice(choices)
    (plain,) = [choice for choice in get_args(hint) if choice is not NoneType]
    return plain
