"""`svc devices`: list the sound devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from myna.apps.actions.live import sound_devices
from myna.apps.cli.result import Result, ResultCommand
from myna.text import printable

if TYPE_CHECKING:
    from myna.realtime.device_list import SoundDevice


@click.command("devices", cls=ResultCommand)
def command() -> Result:
    """List the sound devices, for the flags -i and -o of svc live.

    A device is listed once for each interface of the system ("host API"). On Windows, WASAPI has the shortest delay.
    """
    devices = sound_devices()
    if not devices:
        return Result({"devices": []}, "no sound device; connect one, and on Linux start PipeWire or PulseAudio")
    lines = [f"{'':>5}  {'in':>3} {'out':>3} {'rate':>6}  name (host API)", *map(_line, devices), "", _NEXT]
    return Result({"devices": devices}, "\n".join(lines))


_NEXT = "* default of its host API. Sing: svc live -m joe -i NUMBER -o NUMBER, with headphones"


def _line(device: SoundDevice) -> str:
    default = "*" if device.is_default_input or device.is_default_output else ""
    numbers = f"{device.input_channels:>3} {device.output_channels:>3} {device.sample_rate:>6}"
    return f"{default:>1}{device.index:>4}  {numbers}  {printable(device.name)} ({device.host_api})"
