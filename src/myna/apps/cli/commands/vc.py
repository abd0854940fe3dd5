"""`svc vc`, so-vits-svc-fork's name for `svc live`."""

from __future__ import annotations

from typing import Any

import click

from myna.apps.cli.commands.live import live_flags, run
from myna.apps.cli.report import echo
from myna.apps.cli.result import Result, ResultCommand

# Flags of so-vits-svc-fork for settings that a stream of myna determines itself.
_IGNORED = {
    "pad_seconds": ("-p", "--pad-seconds"),
    "chunk_seconds": ("-ch", "--chunk-seconds"),
    "crossfade_seconds": ("-cr", "--crossfade-seconds"),
    "additional_infer_before_seconds": ("-ab", "--additional-infer-before-seconds"),
    "additional_infer_after_seconds": ("-aa", "--additional-infer-after-seconds"),
    "version": ("-v", "--version"),
}


def _ignored_flags(command: Any) -> Any:
    for name, flags in reversed(_IGNORED.items()):
        command = click.option(name, *flags, type=float, help="Accepted without effect.")(command)
    return command


@click.command("vc", cls=ResultCommand)
@live_flags
@_ignored_flags
def command(**chosen: Any) -> Result:
    """Convert your voice while you sing: the same as svc live, with the flags of so-vits-svc-fork.

    As in svc live, the pitch is neither shifted (-t 0) nor predicted (-na) by default.
    """
    given = [_IGNORED[name][1] for name in _IGNORED if chosen.pop(name) is not None]
    if given:
        echo(f"without effect: {', '.join(given)}; the voice determines the context and the cross-fade", err=True)
    return run(**chosen)
