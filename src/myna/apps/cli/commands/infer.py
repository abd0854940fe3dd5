"""`svc infer`: sing recordings in a voice."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from myna.apps.cli.flags import find_config, model_flag, voice_config_flag
from myna.apps.device import DEVICE_HELP, choose_device
from myna.apps.flags import collect, option_flags
from myna.apps.progress import bar
from myna.errors import AudioError, ConfigError, MynaError
from myna.options import ConversionOptions, Engine

if TYPE_CHECKING:
    from myna.conversion.converter import ConversionSummary


@click.command("infer")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-path",
    type=str,
    help="A file for one INPUT, or a folder.  [default: vocals.wav becomes vocals.out.wav beside it]",
)
@model_flag
@voice_config_flag
@click.option("-re", "--recursive", is_flag=True, help="Take folders with their subfolders.")
@click.option("-d", "--device", default="auto", show_default=True, help=DEVICE_HELP)
@click.option(
    "--engine",
    type=click.Choice(get_args(Engine)),
    help="What sings: PyTorch, or ONNX Runtime on the CPU.  [default: onnx for a NAME.onnx of svc export, else torch]",
)
@option_flags(ConversionOptions)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON, for machines.")
def command(
    inputs: tuple[Path, ...],
    output_path: str | None,
    model_path: Path,
    config_path: Path | None,
    recursive: bool,
    device: str,
    engine: Engine | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Sing INPUT in a voice: sound files of any format, or folders of them.

    The result is as long as INPUT and has the sample rate of the voice; its name says the format: wav, flac, mp3 or
    ogg.
    """
    options = collect(ConversionOptions, chosen)
    jobs = plan_jobs(inputs, output_path, recursive)

    from myna.conversion.converter import Converter

    name, reason = choose_device(device)
    click.echo(f"device: {name} ({reason})", err=True)
    converter = Converter.load(model_path, config_path or find_config(model_path), name, engine)
    converter.check(options)

    started = time.perf_counter()
    done: dict[Job, ConversionSummary] = {}
    failed: dict[Job, MynaError] = {}
    for job in jobs:
        try:
            done[job] = converter.convert_file(job.input, job.output, options, bar)
        except MynaError as error:
            if len(jobs) == 1:
                raise
            failed[job] = error
            click.echo(f"svc: {error}", err=True)
    seconds = time.perf_counter() - started

    if as_json:
        click.echo(json.dumps(_report(done, failed, seconds), indent=2, ensure_ascii=False))
    elif done:
        click.echo(_last_line(done, seconds))
    if failed:
        names = ", ".join(str(job.input) for job in failed)
        raise AudioError(f"{len(failed)} of {len(jobs)} recordings were not converted: {names}")


@dataclass(frozen=True)
class Job:
    """One recording, and where its conversion goes."""

    input: Path
    output: Path


def plan_jobs(inputs: tuple[Path, ...], output: str | None, recursive: bool) -> list[Job]:
    """Find the recordings, and a place for each result where it overwrites no recording and no other result.

    Raises:
        AudioError: a folder holds no recording.
        ConfigError: two results would have one name.
    """
    one_file = len(inputs) == 1 and not inputs[0].is_dir()
    if output is not None and one_file and not _means_folder(output):
        return [Job(inputs[0], Path(output))]
    folder = Path(output) if output is not None else None
    if folder is not None and folder.is_file():
        raise ConfigError(f"{folder} is a file; several results need a folder")

    jobs = []
    for path in inputs:
        if path.is_dir():
            found = _recordings(path, folder, recursive)
            jobs += [Job(item, _output(item, folder, item.relative_to(path))) for item in found]
        else:
            jobs.append(Job(path, _output(path, folder, Path(path.name))))
    taken: dict[Path, Path] = {}
    for job in jobs:
        if (other := taken.setdefault(job.output.resolve(), job.input)) != job.input:
            raise ConfigError(f"{other} and {job.input} would both become {job.output}; convert them one by one")
    return list(dict.fromkeys(jobs))


def _means_folder(output: str) -> bool:
    return output.endswith(("/", "\\")) or Path(output).is_dir() or not Path(output).suffix


def _recordings(folder: Path, results: Path | None, recursive: bool) -> list[Path]:
    """The sound files of a folder but hidden ones and results of ours."""
    from myna.audio.folders import find_recordings

    inside = results is not None and results.resolve() != folder.resolve()
    found = [
        path
        for path in find_recordings(folder, recursive=recursive)
        if not path.stem.endswith(".out")
        and not (inside and results is not None and path.resolve().is_relative_to(results.resolve()))
    ]
    if not found:
        hint = "" if recursive else "; -re looks into subfolders, too"
        raise AudioError(f"there are no sound files in {folder}{hint}")
    return found


def _output(recording: Path, folder: Path | None, relative: Path) -> Path:
    from myna.audio.io import WRITABLE_SUFFIXES

    suffix = recording.suffix if recording.suffix.lower() in WRITABLE_SUFFIXES else ".wav"
    if folder is not None:
        output = (folder / relative).with_suffix(suffix)
        if output.resolve() != recording.resolve():
            return output
    return recording.with_name(f"{recording.stem}.out{suffix}")


def _last_line(done: dict[Job, ConversionSummary], seconds: float) -> str:
    sung = sum(summary.seconds for summary in done.values())
    (first, summary), *more = done.items()
    where = str(first.output) if not more else f"{first.output} and {len(more)} more"
    return f"{sung:.1f} s of singing in {seconds:.1f} s: {where}. {_advice(summary)}"


def _advice(summary: ConversionSummary) -> str:
    """What to try next, from where the song and the voice lie."""
    if summary.source_pitch is None:
        return "No pitch was found in it: is it a voice without accompaniment?"
    sung_hz = summary.source_pitch.median_hz * 2 ** (summary.transpose / 12)
    if summary.voice_pitch is None:
        return "Too high or too low for the voice? Try -t 12 or -t -12"
    distance = 12 * math.log2(summary.voice_pitch.median_hz / sung_hz)
    lies = (
        f"It sings around {sung_hz:.0f} Hz, and the voice's recordings lie around {summary.voice_pitch.median_hz:.0f}"
    )
    if abs(distance) > 6:
        better = summary.transpose + 12 * round(distance / 12)
        return f"{lies}: try -t {better:g}"
    return f"{lies}: they fit"


def _report(done: dict[Job, ConversionSummary], failed: dict[Job, MynaError], seconds: float) -> dict[str, Any]:
    converted = [
        {"input": str(job.input), "output": str(job.output), **_plain(summary)} for job, summary in done.items()
    ]
    errors = [{"input": str(job.input), "error": str(error)} for job, error in failed.items()]
    return {"seconds": round(seconds, 3), "converted": converted, "failed": errors}


def _plain(summary: ConversionSummary) -> dict[str, Any]:
    pitches = {"source_pitch": summary.source_pitch, "voice_pitch": summary.voice_pitch}
    return asdict(summary) | {name: pitch.model_dump() if pitch else None for name, pitch in pitches.items()}
