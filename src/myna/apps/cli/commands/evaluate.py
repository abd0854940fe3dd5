"""`svc evaluate`: measure the quality of conversions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from myna.apps.actions.evaluate import evaluate_conversions
from myna.apps.cli.job import listed_job
from myna.apps.cli.report import echo
from myna.apps.cli.result import Result, ResultCommand, print_json
from myna.apps.flags import collect, option_flags
from myna.errors import AudioError
from myna.options import EvaluateOptions
from myna.storage.atomic import write_text

_PLACE = click.Path(path_type=Path)


def _read_json_flag(ctx: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    if path != Path("-"):
        return path
    print_json(ctx)
    return None


@click.command("evaluate", cls=ResultCommand)
@click.argument("converted", metavar="CONVERTED...", nargs=-1, required=True, type=_PLACE)
@click.option(
    "--source",
    "sources",
    multiple=True,
    required=True,
    type=_PLACE,
    help="Source recordings of the conversions: a file or a folder.",
)
@click.option(
    "--target", "targets", multiple=True, type=_PLACE, help="Recordings of the target voice: a file or a folder."
)
@click.option(
    "--held-out",
    "held_out",
    multiple=True,
    type=_PLACE,
    help="Recordings of the target that the voice was not trained on.  [default: each recording of --target is "
    "compared with the others]",
)
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report with players to this HTML file."
)
@click.option(
    "--json",
    "json_path",
    metavar="[FILE]",
    is_flag=False,
    flag_value="-",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    callback=_read_json_flag,
    help="Write all numbers to this JSON file. Without FILE, print the numbers or the error as one JSON object.",
)
@option_flags(EvaluateOptions)
def command(
    converted: tuple[Path, ...],
    sources: tuple[Path, ...],
    targets: tuple[Path, ...],
    held_out: tuple[Path, ...],
    report: Path | None,
    json_path: Path | None,
    **chosen: Any,
) -> Result:
    """Measure CONVERTED, files or folders, against their sources and the target voice.

    A conversion is paired with the source of the same name: song.out.wav or song.wav with song.flac. --source, --target
    and --held-out may be given several times. Each number is shown beside the same measure of the unconverted
    sources and of the target's own recordings.

    \b
    svc evaluate converted/ --source songs/ --target dataset_raw/anna --report report.html
    """
    options = collect(EvaluateOptions, chosen)

    from myna.evaluation.report.page import write_page
    from myna.evaluation.report.table import as_plain, file_table, summary_table

    # Create the folders first, so that a failure is reported before the measurement, which may take an hour.
    for path in (report, json_path):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    with listed_job("evaluate", "svc evaluate", converted) as job:
        evaluation = evaluate_conversions(converted, sources, targets, held_out, options, job.progress)
        if report is not None:
            write_page(evaluation, report, job.progress)

    text, values, error = f"{file_table(evaluation)}\n\n{summary_table(evaluation)}", as_plain(evaluation), None
    for what, reason in evaluation.not_measured.items():
        echo(f"{what} is not measured: {reason}", err=True)
    if json_path is not None:
        write_text(json_path, json.dumps(values, indent=2) + "\n")
    if report is not None:
        text += f"\nListen and look: {report}"
    if failures := evaluation.failures:
        error = AudioError(f"{len(failures)} not evaluated: {'; '.join(failures)}")
    return Result(values, text, error)
