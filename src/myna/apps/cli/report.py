"""Formatting helpers for the output of commands."""

from __future__ import annotations

from collections.abc import Sequence

import click

_SHOWN = 10


def echo_lines(title: str, lines: Sequence[str]) -> None:
    """Print the first lines to standard error, and the number of lines left out."""
    for line in lines[:_SHOWN]:
        click.echo(f"{title}: {line}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"{title}: ... and {len(lines) - _SHOWN} more", err=True)


def listed(items: Sequence[str], separator: str = ", ") -> str:
    """Join the first items in one line, and append the number of items left out."""
    shown = separator.join(items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{separator}... and {len(items) - _SHOWN} more"


def counted(number: int, noun: str) -> str:
    """Format a number with its noun in singular or plural: "1 clip", "2 clips"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
