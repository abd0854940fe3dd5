"""Flags that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


def card_flags(command: Command) -> Command:
    """What is said of a voice in its file."""
    for flag in (
        click.option("--cover", default="", help="A few lines: what the voice is, and how it likes to be used."),
        click.option("--author", default="", help="Whose work it is."),
        click.option("--licence", default="", help="What others may do with it, e.g. CC-BY-4.0."),
    ):
        command = flag(command)
    return command
