"""`svc infer`: convert recordings to a voice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from myna.apps.actions.convert import convert, plan_conversions
from myna.apps.cli.conversion import advice, engine_flag, load_converter, with_defaults
from myna.apps.cli.flags import device_flag, model_flag, voice_config_flag
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import counted, remarks, unfinished
from myna.apps.cli.result import Result, ResultCommand, batch_values
from myna.apps.flags import collect, option_flags
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
@engine_flag
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
    format: wav, flac, mp3, ogg or m4a. If a voice has its own defaults for the options below, these are used and
    printed.
    """
    collect(ConversionOptions, dict(chosen))  # reports a wrong flag before the voice is loaded
    planned = plan_conversions(inputs, output_path, recursive)

    converter = load_converter(model_path, config_path, device, engine)
    outputs = [one.output for one in planned]
    options, used = with_defaults(converter.voice, chosen, outputs)
    title = f"svc infer {counted(len(planned), 'recording') if len(planned) > 1 else planned[0].source.name}"
    files = [str(path.absolute()) for path in outputs]
    with listed_job("convert", title, outputs, voice=str(model_path), files=files) as job:
        converted = convert(converter, planned, options, job.progress, job.failure)

    error = unfinished(converted, "recordings were not converted")
    values = batch_values(converted, "converted", lambda one: {"output": one.output})
    return Result({"defaults": used, **values}, _last_line(converted) if converted.done else "", error)


def _last_line(converted: Batch[Conversion, ConversionSummary]) -> str:
    seconds = sum(summary.seconds for summary in converted.done.values())
    (first, summary), *more = converted.done.items()
    where = str(first.output) if not more else f"{first.output} and {len(more)} more"
    line = f"{seconds:.1f} s of singing in {converted.seconds:.1f} s ({summary.precision}): {where}. {advice(summary)}"
    if not more:
        return ". ".join(filter(None, (line, remarks(summary))))
    each = (f"{one.output}: {remark}" for one, its in converted.done.items() if (remark := remarks(its)))
    return "\n".join([*each, line])
