"""Results of commands, printed for people or, with --json, as one JSON object."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import click

from myna.apps.actions.batch import Batch, Outcome, Work
from myna.apps.cli.report import echo, echo_json
from myna.errors import EXIT_CODES, MynaError, understood

_AS_JSON = "myna.as_json"  # key in `click.Context.meta`


@dataclass(frozen=True)
class Result:
    """Result of a command.

    Attributes:
        values: the result for programs: a record or a mapping with values that `plain` can convert.
        text: the result for people, in lines.
        error: error of the failed parts of the work. The command prints its result and then ends with this error.
    """

    values: Any
    text: str = ""
    error: MynaError | None = None


class ResultCommand(click.Command):
    """Click command with the flag --json, for a function that returns a `Result` or None.

    With --json, standard output receives exactly one JSON object, whether the command succeeds or fails. A failure has
    the key "error" with the values "code" and "message". Progress, remarks and the line of an error go to standard
    error, as without --json.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        if not any("--json" in parameter.opts for parameter in self.params):
            self.params.append(_json_flag())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        wanted = "--json" in args  # before parsing, which changes `args`
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if wanted:
                echo_json(_plain_error(error))
            raise

    def invoke(self, ctx: click.Context) -> None:
        as_json = ctx.meta.get(_AS_JSON, False)
        try:
            result: Result | None = super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except BaseException as error:  # also KeyboardInterrupt and SystemExit
            if as_json:
                echo_json(_plain_error(error))
            raise
        if result is None:  # another process of the same command prints the result
            return
        if as_json:
            echo_json(plain(result.values) | (_plain_error(result.error) if result.error is not None else {}))
        elif result.text:
            echo(result.text)
        if result.error is not None:
            raise result.error


def _json_flag() -> click.Option:
    return click.Option(
        ["--json"],
        is_flag=True,
        expose_value=False,
        callback=lambda ctx, option, chosen: print_json(ctx) if chosen else None,
        help="Print the result, or the error, as one JSON object.",
    )


def print_json(ctx: click.Context) -> None:
    """Make a `ResultCommand` print its result as JSON; for commands that declare their own flag --json."""
    ctx.meta[_AS_JSON] = True


def batch_values(
    batch: Batch[Work, Outcome], name: str, outputs: Callable[[Work], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the values of a batch for programs.

    Args:
        batch: the batch.
        name: key of the list of finished items.
        outputs: function that returns the files written for an item, by key.
    """
    done = [{"input": one.source, **outputs(one), **plain(outcome)} for one, outcome in batch.done.items()]
    failed = [{"input": one.source, "error": str(error)} for one, error in batch.failed.items()]
    return {"seconds": round(batch.seconds, 3), name: done, "failed": failed}


def plain(value: Any) -> Any:
    """Convert records, models and paths to JSON values; a number that is not finite becomes null."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "model_dump"):  # a pydantic model
        return plain(value.model_dump())
    if is_dataclass(value) and not isinstance(value, type):
        return plain({name: getattr(value, name) for name in value.__dataclass_fields__})
    if hasattr(value, "_asdict"):  # a named tuple
        return plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value


def _plain_error(error: BaseException) -> dict[str, Any]:
    known = understood(error)
    if known is not None:
        return {"error": {"code": known.code, "message": str(known)}}
    if isinstance(error, click.ClickException):
        return {"error": {"code": "usage", "message": error.format_message()}}
    if isinstance(error, KeyboardInterrupt | SystemExit):
        number = error.code if isinstance(error, SystemExit) else 130
        return {"error": {"code": "interrupted", "message": EXIT_CODES.get(number, str(error))}}  # type: ignore[arg-type]
    return {"error": {"code": "defect", "message": f"{type(error).__name__}: {error}"}}
