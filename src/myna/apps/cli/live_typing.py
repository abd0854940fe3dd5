"""Flags that a person types while `svc live` runs, to change the voice or its settings."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from myna.apps.actions.live import LiveSession, LiveVoice, load_live_voice, settings_of
from myna.apps.cli.flags import voice_files
from myna.errors import MynaError, understood
from myna.options import LIVE_CONVERSION, LiveOptions

Options = TypeVar("Options")

HINT = (
    "Type flags and Enter to change it while it runs: -t 12, -m OTHER.pth, -s SPEAKER, --dry-wet 0.5. Ctrl-C ends it."
)

# Flags that apply to a running session.
_SPEAKERS = ("speaker", "speaker_mix")  # of one voice
_VOICE = ("model_path", "config_path")
_SETTINGS = ("transpose", *_SPEAKERS, "dry_wet", "gate_db", "passthrough_original")


class Typing:
    """Reader of standard input, in its own thread. A wrong line causes a message, and the conversion goes on."""

    def __init__(
        self,
        session: LiveSession,
        voice: LiveVoice,
        given: Mapping[str, Any],
        live: LiveOptions,
        device: str,
        say: Callable[[str], None],
    ) -> None:
        """
        Args:
            session: the running session.
            voice: its voice.
            given: options of the conversion that a person has given; they also apply to the next voice.
            live: options of the stream.
            device: torch device of voices.
            say: function that shows a message.
        """
        self._session, self._say, self._device = session, say, device
        self._stream = voice.ready.stream
        self._given, self._options, self._live = dict(given), voice.options, live

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
            live = _changed(self._live, given)
            if "model_path" in given:
                self._load(given, live)
            else:
                options = _changed(self._options, given)
                self._stream.change(settings_of(options, live))
                self._options, self._given = options, self._given | _of_conversion(given)
            self._live = live
        except click.exceptions.Exit:
            pass  # the line was --help, which has been printed
        except click.ClickException as error:
            self._say(error.format_message())
        except (MynaError, OSError, MemoryError) as error:
            self._say(f"{understood(error)}; nothing has changed")

    def _load(self, given: Mapping[str, Any], live: LiveOptions) -> None:
        """Continue with another voice."""
        files = voice_files(given["model_path"], given.get("config_path"))
        self._say(f"loading {given['model_path']}; the voice sings on meanwhile")
        kept = {name: value for name, value in self._given.items() if name not in _SPEAKERS} | _of_conversion(given)
        voice = load_live_voice(files, kept, live, self._device)
        ready = voice.ready
        self._session.replace(ready.stream, block_seconds=ready.block_seconds, reserve_seconds=ready.reserve_seconds)
        self._stream, self._options, self._given = ready.stream, voice.options, kept
        self._say(f"now singing: {voice.name}")

    def _read(self) -> None:
        for line in sys.stdin:
            if line.strip():
                self.apply(line)


def _parsed(line: str) -> dict[str, Any]:
    """Return the values of the flags in a line.

    Raises:
        click.UsageError: the line contains something other than flags of `svc live`.
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


def _of_conversion(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in LIVE_CONVERSION}


def _changed(options: Options, given: Mapping[str, Any]) -> Options:
    names = {spec.name for spec in fields(options)}  # type: ignore[arg-type]
    return replace(options, **{name: value for name, value in given.items() if name in names})  # type: ignore[type-var]


def _is_readable() -> bool:
    try:
        if not sys.stdin.isatty():
            return True
        return not hasattr(os, "tcgetpgrp") or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # it is closed, or None
        return False
