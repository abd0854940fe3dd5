"""Formatting helpers for the output of commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from myna.text import printable

_SHOWN = 10


def echo_lines(title: str, lines: Sequence[str]) -> None:
    """Print the first lines to standard error, and the number of lines left out."""
    for line in lines[:_SHOWN]:
        click.echo(f"{title}: {printable(line)}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"{title}: ... and {len(lines) - _SHOWN} more", err=True)


def echo_refused(failed: Sequence[str], ignored: Sequence[str], path: Path | None) -> None:
    """Print the first lines about the files that a step of the preparation refused, and the path of the whole list."""
    echo_lines("left out", ignored)
    echo_lines("svc", failed)
    if path is not None and not failed and len(ignored) > _SHOWN:
        click.echo(f"left out: all {len(ignored)} are listed in {printable(str(path))}", err=True)


def echo_json(value: Any) -> None:
    """Print a value as JSON in ASCII, which is valid in every encoding of a console or a file."""
    click.echo(json.dumps(value, indent=2))


def listed(items: Sequence[str], separator: str = ", ") -> str:
    """Join the first items in one line, and append the number of items left out."""
    shown = separator.join(items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{separator}... and {len(items) - _SHOWN} more"


def counted(number: int, noun: str) -> str:
    """Format a number with its noun in singular or plural: "1 clip", "2 clips"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
