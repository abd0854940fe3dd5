"""The command line `svc`. Each command is one module in `commands` and one line in the table below.

A command's module declares its flags, and imports slow packages only when the command runs, so that help is instant.
"""

from __future__ import annotations

import codecs
import io
import logging
import os
import sys
import threading
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from myna.apps.cli.report import echo, echo_error
from myna.errors import understood
from myna.signals import raise_when_ended
from myna.text import printable, printable_lines

COMMANDS = {
    "demo": "convert a sung phrase to the bundled voice, as an example",
    "pre-resample": "cut recordings into clips of one sample rate and level: dataset_raw/ to dataset/44k/",
    "pre-config": "write the configuration and the lists of clips",
    "pre-hubert": "compute content, pitch and loudness of every clip",
    "train": "train the voice",
    "train-diff": "train a refiner of the voice's sound, for svc infer --shallow-diffusion",
    "train-index": "build a retrieval index of each speaker's content features, for svc infer -r",
    "train-cluster": "compute k-means centroids of the content features: smaller but less exact than an index",
    "train-vocoder": "train a vocoder on your recordings, for svc infer --enhance",
    "separate": "separate songs into vocals and accompaniment",
    "infer": "convert recordings to the voice",
    "live": "convert your voice while you sing, from the microphone to the headphones",
    "vc": "the same as svc live, with the name and the flags of so-vits-svc-fork",
    "devices": "list the sound devices",
    "cover": "convert the vocals of songs to the voice, and mix them with the music again",
    "evaluate": "measure the quality of conversions",
    "inspect": "show what a voice or sound file contains",
    "pack": "put a voice into one file that can be shared",
    "unpack": "split a packed voice into G_*.pth and config.json",
    "export": "export a voice to ONNX, for programs without PyTorch",
    "mix": "blend two voices into one",
    "download": "download a voice from the Hugging Face hub",
    "voices": "list the voices on this machine",
    "doctor": "check this machine: device, memory, disk, libraries, pretrained files",
    "completion": "print the script that completes commands and flags in your shell",
    "gui": "open the studio, a page in the browser for all of this; svcg is the same command",
}

_INTERRUPTED, _BROKEN_PIPE = 130, 141  # exit codes: 128 and the number of the signal


class _LazyGroup(click.Group):
    """Click group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"myna.apps.cli.commands.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]!r}? There are" if close else "there are"
            ctx.fail(f"no command {args[0]!r}; {hint}: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output ended, like `head`. Otherwise, Python would write the rest of the output at its
            # end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_BROKEN_PIPE)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands, in the order of use"):
            formatter.write_dl(list(COMMANDS.items()))


def show_log_messages(verbose: bool) -> None:
    """Print log messages to standard error: warnings and errors, and if `verbose`, also debug messages."""
    shown = logging.StreamHandler()
    shown.setFormatter(_Printable("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, handlers=[shown])
    # The debug messages of these libraries are irrelevant to problems of myna.
    for noisy in ("numba", "matplotlib", "urllib3", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Printable(logging.Formatter):
    """Formatter that escapes unprintable characters, because messages and tracebacks may contain names from files.

    A message becomes one line; a traceback keeps its lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return printable_lines(super().formatException(ei))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=False)
@click.option("-v", "--verbose", is_flag=True, help="Show debug messages and tracebacks.")
@click.version_option(None, "-V", "--version", package_name="myna", prog_name="myna")
def svc(verbose: bool) -> None:
    """Clone a singing voice and sing any song in it.

    \b
    An example:           svc demo
    A cover of a song:    svc cover song.mp3 -m joe
    A voice of your own:  put recordings in dataset_raw/NAME/, then
                          svc pre-resample, pre-config, pre-hubert, train
    A conversion:         svc infer song.wav -m G_1000.pth -c config.json
    """
    show_log_messages(verbose)


def studio() -> Any:
    """Run `svcg`, an alias of `svc gui`."""
    return main(["gui", *sys.argv[1:]])


def main(arguments: list[str] | None = None) -> Any:
    """Run `svc` and exit with one of `myna.errors.EXIT_CODES`.

    An error that the user can act on is printed to standard error in one line.
    """
    for stream in (sys.stdout, sys.stderr):
        _show_any_text(stream)
    if threading.current_thread() is threading.main_thread():
        raise_when_ended()
    try:
        sys.exit(svc.main(args=arguments, prog_name="svc", standalone_mode=False) or 0)
    except click.Abort:
        echo("svc: interrupted", err=True)
        sys.exit(_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        known = understood(error)
        if known is None:
            raise
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            logging.getLogger(__name__).debug("traceback", exc_info=True)
        echo_error(known)
        sys.exit(known.exit_code)


def _show_any_text(stream: Any) -> None:
    """Make a stream escape the characters that its encoding lacks, like `myna.text.printable`, instead of failing."""
    if isinstance(stream, io.TextIOWrapper):  # it is None in a program without a console
        # ASCII usually means that no locale is set; like Click, write UTF-8 then.
        ascii = codecs.lookup(stream.encoding).name == "ascii"
        stream.reconfigure(encoding="utf-8" if ascii else None, errors="backslashreplace")
