"""Flags that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from myna.layout import CONFIG, LOGS

Command = Callable[..., Any]

model_flag = click.option(
    "-m",
    "--model-path",
    type=click.Path(path_type=Path),
    default=LOGS,
    show_default=True,
    help="The voice: its file, its folder (the highest number wins), hf://owner/name, or joe, who comes along.",
)
voice_config_flag = click.option(
    "-c",
    "--config-path",
    type=click.Path(path_type=Path),
    help="config.json of the voice.  [default: beside the model, or that of svc pre-config; else the weights tell]",
)


def find_config(model: Path) -> Path | None:
    """For a voice in training without one beside it, the configuration that `svc pre-config` writes."""
    in_training = LOGS in (model, model.parent)
    needed = in_training and not (LOGS / "config.json").exists() and CONFIG.is_file()
    return CONFIG if needed else None


def config_flag(help: str) -> Callable[[Command], Command]:
    """Where the configuration of a voice in the making is; `help` says what for."""
    place = click.Path(path_type=Path)
    return click.option("-c", "--config-path", type=place, default=CONFIG, show_default=True, help=help)


def card_flags(command: Command) -> Command:
    """What is said of a voice in its file."""
    for flag in (
        click.option("--cover", default="", help="A few lines: what the voice is, and how it likes to be used."),
        click.option("--author", default="", help="Whose work it is."),
        click.option("--licence", default="", help="What others may do with it, e.g. CC-BY-4.0."),
    ):
        command = flag(command)
    return command
