"""What commands say besides their last line."""

from __future__ import annotations

from collections.abc import Sequence

import click

_SHOWN = 10


def echo_lines(title: str, lines: Sequence[str]) -> None:
    """Show the first of `lines`, and how many more there are, where results do not go."""
    for line in lines[:_SHOWN]:
        click.echo(f"{title}: {line}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"{title}: ... and {len(lines) - _SHOWN} more", err=True)


def listed(items: Sequence[str], separator: str = ", ") -> str:
    """The first of `items` in one line, and how many more there are."""
    shown = separator.join(items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{separator}... and {len(items) - _SHOWN} more"


def counted(number: int, noun: str) -> str:
    """1 clip, 2 clips."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
