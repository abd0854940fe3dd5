"""`svc demo`: the first thing to hear."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.cli.flags import find_config
from myna.apps.device import DEVICE_HELP, choose_device
from myna.apps.progress import bar
from myna.assets import BUNDLED_VOICES
from myna.errors import AudioError

if TYPE_CHECKING:
    from myna.apps.demo import Demo

VOICE = "joe"
SONG = BUNDLED_VOICES / "song.flac"
# Neither the encoder nor the voice has heard that singer.
_SONG_FROM = "The phrase is from clip 1 of vocadito (R. M. Bittner and others, 2021), CC BY 4.0."


@click.command("demo")
@click.argument("recording", metavar="[RECORDING]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder of the results.",
)
@click.option(
    "-m",
    "--model",
    "--model-path",
    type=click.Path(path_type=Path),
    help="Another voice: its G_*.pth or its folder.  [default: joe, who comes along]",
)
@click.option(
    "-c",
    "--config",
    "--config-path",
    type=click.Path(path_type=Path),
    help="Its config.json.  [default: as svc infer finds it]",
)
@click.option("-d", "--device", default="auto", show_default=True, help=DEVICE_HELP)
def command(recording: Path | None, output_dir: Path, model: Path | None, config: Path | None, device: str) -> None:
    """Sing a phrase, or a RECORDING of yours, in a voice; draw and measure how the one follows the other."""
    recording, voice = recording or _song(), model or BUNDLED_VOICES / VOICE
    click.echo(f"singing {recording.name} in the voice {voice.name} ...", err=True)

    from myna.apps.demo import run_demo
    from myna.conversion.converter import Converter
    from myna.evaluation.report.table import summary_table

    name, reason = choose_device(device)
    click.echo(f"device: {name} ({reason})", err=True)
    started = time.perf_counter()
    converter = Converter.load(voice, config or find_config(voice), name)
    demo = run_demo(converter, recording, output_dir, bar)
    seconds = time.perf_counter() - started

    click.echo(f"{summary_table(demo.evaluation)}\n")
    click.echo(_last_lines(demo, seconds))
    if recording == SONG:
        click.echo(_SONG_FROM)
    click.echo(_what_next(demo, model or VOICE, config))


def _song() -> Path:
    if not SONG.is_file():
        raise AudioError(f"this installation has no {SONG}; reinstall myna, or name a recording")
    return SONG


def _last_lines(demo: Demo, seconds: float) -> str:
    shift = f", {demo.summary.transpose:+g} semitones" if demo.summary.transpose else ""
    return (
        f"{demo.summary.seconds:.1f} s of singing, converted{shift}, measured and drawn in {seconds:.1f} s.\n"
        f"Listen: {demo.source}, then {demo.converted}\n"
        f"Look: {demo.picture}"
    )


def _what_next(demo: Demo, voice: Path | str, config: Path | None) -> str:
    # Double quotes are understood by every shell.
    chosen = f'-m "{voice}"' + (f' -c "{config}"' if config is not None else "")
    chosen += " --auto-transpose" if demo.summary.voice_pitch is not None else ""
    return f"""
Next:
  your own singing, without accompaniment, in this voice:
    svc infer your-song.wav {chosen}
  a voice of your own: put recordings of it into dataset_raw/NAME/, then
    svc pre-resample"""
