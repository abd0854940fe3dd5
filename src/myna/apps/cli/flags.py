"""Flags that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from myna.apps.actions.voice_files import VoiceFiles
from myna.layout import CONFIG, LOGS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = Callable[..., Any]

device_flag = click.option(
    "-d",
    "--device",
    default="auto",
    show_default=True,
    help="Device: cpu, cuda, cuda:1, mps, or auto for the fastest available.",
)


class VoicePath(click.Path):
    """Path or name of a voice; shells complete it with the names of known voices and with files."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from myna.studio.voices import Library
        from myna.studio.workspace import Workspace, default_folder

        voices = [voice.model for voice in Library(Workspace(default_folder())).all()]
        # A shell adds no backslash before a space.
        names = [name for name in voices if name.startswith(incomplete) and " " not in name]
        return [*map(CompletionItem, names), *super().shell_complete(ctx, param, incomplete)]


model_flag = click.option(
    "-m",
    "--model-path",
    type=VoicePath(path_type=Path),
    default=LOGS,
    show_default=True,
    help="Voice: a file, a folder (its highest-numbered file is used), hf://owner/name, or joe, the bundled voice.",
)
voice_config_flag = click.option(
    "-c",
    "--config-path",
    type=click.Path(path_type=Path),
    help="config.json of the voice.  [default: config.json beside the model, else the file from svc pre-config, else "
    "inferred from the weights]",
)


def voice_files(model: Path, config: Path | None = None) -> VoiceFiles:
    """Return the files of the voice that the flags -m and -c select."""
    return VoiceFiles(model, config or find_config(model))


def find_config(model: Path) -> Path | None:
    """Return the configuration from `svc pre-config` if `model` is in a training folder without `config.json`.

    Otherwise, return None; the function that opens the voice then searches for the configuration.
    """
    in_training = LOGS in (model, model.parent)
    needed = in_training and not (LOGS / "config.json").exists() and CONFIG.is_file()
    return CONFIG if needed else None


def config_flag(help: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the flag -c to a command that prepares or trains a voice."""
    place = click.Path(path_type=Path)
    return click.option("-c", "--config-path", type=place, default=CONFIG, show_default=True, help=help)


def card_flags(command: Command) -> Command:
    """Add the flags for the description, author and licence that are stored in a voice's file."""
    for flag in (
        click.option("--cover", default="", help="Description: a few lines about the voice and how to use it."),
        click.option("--author", default="", help="Author of the voice."),
        click.option("--licence", default="", help="Licence under which others may use the voice, e.g. CC-BY-4.0."),
    ):
        command = flag(command)
    return command
