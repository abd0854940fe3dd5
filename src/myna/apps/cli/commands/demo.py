"""`svc demo`: convert a phrase, measure the result and draw its pitch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.actions.demo import run_demo
from myna.apps.actions.device import choose_device
from myna.apps.cli.flags import VoicePath, device_flag, find_config
from myna.apps.cli.report import echo, remarks
from myna.apps.cli.result import Result, ResultCommand, plain
from myna.apps.progress import bar
from myna.assets import BUNDLED_SONG, BUNDLED_VOICES
from myna.errors import AudioError

if TYPE_CHECKING:
    from myna.apps.actions.demo import Demo

VOICE = "joe"
# Neither the encoder nor the bundled voice was trained on this singer.
_SONG_FROM = "The phrase is from clip 1 of vocadito (R. M. Bittner and others, 2021), CC BY 4.0."


@click.command("demo", cls=ResultCommand)
@click.argument("recording", metavar="[RECORDING]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for the results.",
)
@click.option(
    "-m",
    "--model",
    "--model-path",
    type=VoicePath(path_type=Path),
    help="Voice to convert to: its G_*.pth or its folder.  [default: joe, the bundled voice]",
)
@click.option(
    "-c",
    "--config",
    "--config-path",
    type=click.Path(path_type=Path),
    help="config.json of the voice.  [default: the same as for svc infer]",
)
@device_flag
def command(recording: Path | None, output_dir: Path, model: Path | None, config: Path | None, device: str) -> Result:
    """Convert a bundled phrase, or your own RECORDING, to a voice; then measure the result and draw its pitch."""
    recording, voice = recording or _song(), model or BUNDLED_VOICES / VOICE
    echo(f"converting {recording.name} to the voice {voice.name} ...", err=True)

    from myna.conversion.converter import Converter
    from myna.evaluation.report.table import as_plain, summary_table

    chosen = choose_device(device)
    echo(f"device: {chosen}", err=True)
    started = time.perf_counter()
    converter = Converter.load(voice, config or find_config(voice), chosen.name)
    demo = run_demo(converter, recording, output_dir, bar)
    seconds = time.perf_counter() - started

    lines = [f"{summary_table(demo.evaluation)}\n", _last_lines(demo, seconds)]
    if recording == BUNDLED_SONG:
        lines.append(_SONG_FROM)
    lines.append(_what_next(demo, model or VOICE, config))
    values = {"seconds": seconds, **plain(demo), "evaluation": as_plain(demo.evaluation)}
    return Result(values, "\n".join(lines))


def _song() -> Path:
    if not BUNDLED_SONG.is_file():
        raise AudioError(f"this installation has no {BUNDLED_SONG}; reinstall myna, or name a recording")
    return BUNDLED_SONG


def _last_lines(demo: Demo, seconds: float) -> str:
    shift = f", {demo.summary.transpose:+g} semitones" if demo.summary.transpose else ""
    remark = remarks(demo.summary)
    return (
        f"{demo.summary.seconds:.1f} s of singing, converted{shift}, measured and drawn in {seconds:.1f} s.\n"
        f"{remark + chr(10) if remark else ''}"
        f"Listen: {demo.source}, then {demo.converted}\n"
        f"Look: {demo.picture}"
    )


def _what_next(demo: Demo, voice: Path | str, config: Path | None) -> str:
    # Double quotes work in every shell.
    chosen = f'-m "{voice}"' + (f' -c "{config}"' if config is not None else "")
    chosen += " --auto-transpose" if demo.summary.voice_pitch is not None else ""
    return f"""
Next:
  your own singing, without accompaniment, in this voice:
    svc infer your-song.wav {chosen}
  a voice of your own: put recordings of it into dataset_raw/NAME/, then
    svc pre-resample"""
