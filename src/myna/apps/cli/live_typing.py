"""Flags that a person types while `svc live` runs, to change the voice or its settings."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import click
from click.core import ParameterSource

from myna.apps.actions.live import LiveSession, LiveVoice, load_live_voice, settings_of
from myna.apps.cli.flags import voice_files
from myna.errors import MynaError, understood
from myna.options import ConversionOptions, LiveOptions

HINT = (
    "Type flags and Enter to change it while it runs: -t 12, -m OTHER.pth, -s SPEAKER, --dry-wet 0.5. Ctrl-C ends it."
)

# Flags that apply to a running session.
_VOICE = ("model_path", "config_path")
_SETTINGS = ("transpose", "speaker", "speaker_mix", "dry_wet", "gate_db", "passthrough_original")


class Typing:
    """Reader of standard input in a thread of its own; a wrong line is a message, and the stream goes on."""

    def __init__(
        self,
        session: LiveSession,
        voice: LiveVoice,
        conversion: ConversionOptions,
        live: LiveOptions,
        device: str,
        say: Callable[[str], None],
    ) -> None:
        """
        Args:
            session: the running session.
            voice: its voice.
            conversion: the options that it was started with.
            live: the options that it was started with.
            device: torch device of voices.
            say: function that shows a message.
        """
        self._session, self._say, self._device = session, say, device
        self._stream = voice.ready.stream
        self._block_seconds = voice.ready.block_seconds
        self._conversion, self._live = conversion, live

    def start(self) -> None:
        """Begin to read, unless the program runs in the background of a shell, which would stop it."""
        if _is_readable():
            threading.Thread(target=self._read, name="typing", daemon=True).start()

    def apply(self, line: str) -> None:
        """Apply the flags of a line, and say what happened."""
        try:
            given = _parsed(line)
            wrong = given.keys() - {*_VOICE, *_SETTINGS}
            if wrong:
                names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(wrong))
                self._say(f"{names} cannot change while it runs")
                return
            conversion, live = (_changed(options, given) for options in (self._conversion, self._live))
            if "model_path" in given:
                # Speakers belong to a voice.
                kept = {name: None for name in ("speaker", "speaker_mix") if name not in given}
                conversion = replace(conversion, **kept)
                live = replace(live, block_seconds=self._block_seconds)
                files = voice_files(given["model_path"], given.get("config_path"))
                self._say(f"loading {given['model_path']}; the voice sings on meanwhile")
                voice = load_live_voice(files, conversion, live, self._device)
                self._session.replace(voice.ready.stream)
                self._stream = voice.ready.stream
                self._say(f"now singing: {voice.name}")
            else:
                self._stream.change(settings_of(conversion, live))
            self._conversion, self._live = conversion, live
        except click.ClickException as error:
            self._say(error.format_message())
        except (MynaError, OSError, MemoryError) as error:
            self._say(f"{understood(error)}; nothing has changed")

    def _read(self) -> None:
        for line in sys.stdin:
            if line.strip():
                self.apply(line)


def _parsed(line: str) -> dict[str, Any]:
    """Return the values of the flags in a line.

    Raises:
        click.UsageError: it has other words than the flags of `svc live`.
    """
    from myna.apps.cli.commands.live import command

    try:
        words = shlex.split(line)
    except ValueError as error:
        raise click.UsageError(f"{line.strip()!r}: {error}") from error
    context = command.make_context("live", words)
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def _changed(options: Any, given: dict[str, Any]) -> Any:
    names = {spec.name for spec in fields(options)}
    return replace(options, **{name: value for name, value in given.items() if name in names})


def _is_readable() -> bool:
    try:
        if not sys.stdin.isatty():
            return True
        return not hasattr(os, "tcgetpgrp") or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # it is closed, or None
        return False
