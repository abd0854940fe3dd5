"""Formatting and printing of the output of commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from myna.config import VOICE_BOUNDS
from myna.errors import MynaError, merged
from myna.scales import CHROMATIC
from myna.text import printable, printable_lines

if TYPE_CHECKING:
    from myna.apps.actions.batch import Batch
    from myna.conversion.converter import ConversionSummary

_SHOWN = 10


def echo(text: object, *, err: bool = False) -> None:
    """Print text that may contain names from files. Commands use no other function to print.

    Control characters are escaped, because a terminal interprets them, and a downloaded voice's card may contain some.
    Line breaks are kept; `printable` and `listed` also escape line breaks in a name.
    """
    click.echo(printable_lines(str(text)), err=err)


def rewrite_line(text: str) -> None:
    """Replace the last line of the terminal on standard error.

    Control characters are not escaped, because `text` may contain colours. Therefore it must not contain names from
    files.
    """
    click.echo(f"\r\x1b[K{text}", nl=False, err=True)


def echo_error(error: MynaError) -> None:
    """Print an error in one line to standard error."""
    from myna.apps.progress import close_bars

    close_bars()
    echo(f"svc: {error}", err=True)


def echo_lines(title: str, lines: Sequence[str]) -> None:
    """Print the first `lines` to standard error, each after `title`, and the number of lines left out."""
    for line in lines[:_SHOWN]:
        echo(f"{title}: {printable(line)}", err=True)
    if len(lines) > _SHOWN:
        echo(f"{title}: ... and {len(lines) - _SHOWN} more", err=True)


def echo_refused(failed: Sequence[str], ignored: Sequence[str], path: Path | None) -> None:
    """Print the first reasons why a preparation step left out files, and the path of the list if there are more."""
    echo_lines("left out", ignored)
    echo_lines("svc", failed)
    if path is not None and not failed and len(ignored) > _SHOWN:
        echo(f"left out: all {len(ignored)} are listed in {printable(str(path))}", err=True)


def echo_json(value: Any) -> None:
    """Print a value as JSON in ASCII, which every encoding of a console or a file can represent."""
    echo(json.dumps(value, indent=2))


def listed(items: Sequence[str], separator: str = ", ") -> str:
    """Join the first items in one line, and append the number of items left out."""
    shown = separator.join(map(printable, items[:_SHOWN]))
    return shown if len(items) <= _SHOWN else f"{shown}{separator}... and {len(items) - _SHOWN} more"


def counted(number: int, noun: str) -> str:
    """Format a number with its noun in the singular or plural: "1 clip", "2 clips"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def unfinished(batch: Batch[Any, Any], what: str) -> MynaError | None:
    """Return an error that names the failed files of a batch, for example "1 of 2 recordings were not converted:
    a.wav".
    """
    if not batch.failed:
        return None
    names = ", ".join(str(one.source) for one in batch.failed)
    n_all = len(batch.done) + len(batch.failed)
    return merged(batch.failed.values(), f"{len(batch.failed)} of {n_all} {what}: {names}")


def remarks(summary: ConversionSummary) -> str:
    """Return sentences on the key, the lowered level and the octave shifts of a conversion; "" for none."""
    found = []
    if summary.key is not None:
        key = "chromatic scale" if summary.key == CHROMATIC else f"key {summary.key}"
        found.append(f"Its notes are moved to the {key}.")
    if summary.turned_down_db >= 0.05:
        found.append(f"It is turned down by {summary.turned_down_db:.1f} dB to stay below full scale.")
    for seconds, side, hz, octave in (
        (summary.lowered_seconds, "above", VOICE_BOUNDS.high_hz, "lower"),
        (summary.raised_seconds, "below", VOICE_BOUNDS.low_hz, "higher"),
    ):
        if seconds:
            found.append(f"{seconds:.1f} s {side} {hz:.0f} Hz, a limit of the voice, are sung an octave {octave}.")
    return " ".join(found)
