"""`svc infer`: convert recordings to a voice."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource

from myna.apps.actions.convert import convert, noted_defaults, options_for, plan_conversions
from myna.apps.actions.device import choose_device
from myna.apps.cli.flags import device_flag, find_config, model_flag, voice_config_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, echo, remarks, unfinished
from myna.apps.cli.result import Result, ResultCommand, plain
from myna.apps.flags import as_flags, collect, option_flags
from myna.options import ConversionOptions, Engine

if TYPE_CHECKING:
    from myna.apps.actions.batch import Batch
    from myna.apps.actions.convert import Conversion
    from myna.conversion.converter import ConversionSummary


@click.command("infer", cls=ResultCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-path",
    type=str,
    help="Output file for a single INPUT, or output folder.  [default: vocals.wav becomes vocals.out.wav beside it]",
)
@model_flag
@voice_config_flag
@click.option("-re", "--recursive", is_flag=True, help="Include recordings in subfolders.")
@device_flag
@click.option(
    "--engine",
    type=click.Choice(get_args(Engine)),
    help="Run the voice with PyTorch (torch), or with ONNX Runtime on the CPU (onnx).  "
    "[default: onnx for a NAME.onnx from svc export, else torch]",
)
@option_flags(ConversionOptions)
def command(
    inputs: tuple[Path, ...],
    output_path: str | None,
    model_path: Path,
    config_path: Path | None,
    recursive: bool,
    device: str,
    engine: Engine | None,
    **chosen: Any,
) -> Result:
    """Convert each INPUT, an audio file of any format or a folder of them, to a voice.

    The result is as long as INPUT and has the sample rate of the voice. The suffix of the output file selects the
    format: wav, flac, mp3 or ogg. A voice may have default values for the options below; they are printed.
    """
    collect(ConversionOptions, dict(chosen))  # so that a wrong flag is reported before the voice is loaded
    planned = plan_conversions(inputs, output_path, recursive)

    from myna.conversion.converter import Converter

    resolved = choose_device(device)
    echo(f"device: {resolved}", err=True)
    converter = Converter.load(model_path, config_path or find_config(model_path), resolved.name, engine)
    outputs = [one.output for one in planned]
    noted = noted_defaults(converter.voice.path, [Path.cwd(), *outputs])
    options, used = options_for(converter.voice, {name: chosen[name] for name in _given(chosen)}, noted)
    if used:
        flags = shlex.join(as_flags(ConversionOptions(**used)))
        echo(f"defaults of the voice: {flags} (flags that you give take precedence)", err=True)
    title = f"svc infer {counted(len(planned), 'recording') if len(planned) > 1 else planned[0].source.name}"
    files = [str(path.absolute()) for path in outputs]
    with listed_job("convert", title, outputs, voice=str(model_path), files=files) as job:
        converted = convert(converter, planned, options, job.progress, job.failure)

    error = unfinished(converted, "recordings were not converted")
    return Result({"defaults": used, **_plain(converted)}, _last_line(converted) if converted.done else "", error)


def _given(names: Iterable[str]) -> list[str]:
    """Return those of the parameters to which the user gave a value."""
    context = click.get_current_context()
    return [name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT]


def _last_line(converted: Batch[Conversion, ConversionSummary]) -> str:
    seconds = sum(summary.seconds for summary in converted.done.values())
    (first, summary), *more = converted.done.items()
    where = str(first.output) if not more else f"{first.output} and {len(more)} more"
    line = f"{seconds:.1f} s of singing in {converted.seconds:.1f} s: {where}. {_advice(summary)}"
    if not more:
        return ". ".join(filter(None, (line, remarks(summary))))
    each = (f"{one.output}: {remark}" for one, its in converted.done.items() if (remark := remarks(its)))
    return "\n".join([*each, line])


def _advice(summary: ConversionSummary) -> str:
    """Compare the pitch of the result with that of the voice's recordings, and suggest a shift if they differ much."""
    from myna.units import ratio_to_semitones, semitones_to_ratio

    if summary.source_pitch is None:
        return "No pitch was found in it: is it a voice without accompaniment?"
    result_hz = summary.source_pitch.median_hz * semitones_to_ratio(summary.transpose)
    if summary.voice_pitch is None:
        return "Too high or too low for the voice? Try -t 12 or -t -12"
    distance = ratio_to_semitones(summary.voice_pitch.median_hz / result_hz)
    medians = (
        f"Its median pitch is {result_hz:.0f} Hz, that of the voice's recordings {summary.voice_pitch.median_hz:.0f}"
    )
    if abs(distance) > 6:
        better = summary.transpose + 12 * round(distance / 12)
        return f"{medians}: try -t {better:g}"
    return f"{medians}: they fit"


def _plain(converted: Batch[Conversion, ConversionSummary]) -> dict[str, Any]:
    done = [
        {"input": str(one.source), "output": str(one.output), **plain(summary)}
        for one, summary in converted.done.items()
    ]
    failed = [{"input": str(one.source), "error": str(error)} for one, error in converted.failed.items()]
    return {"seconds": round(converted.seconds, 3), "converted": done, "failed": failed}
