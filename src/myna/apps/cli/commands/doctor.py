"""`svc doctor`: check this machine and this installation."""

from __future__ import annotations

from pathlib import Path

import click

from myna.apps.actions.doctor import Check, diagnose
from myna.apps.cli.report import counted
from myna.apps.cli.result import Result, ResultCommand
from myna.studio.workspace import default_folder
from myna.text import printable

_MARKS = {"good": "ok", "absent": "-", "note": "note", "bad": "PROBLEM"}


@click.command("doctor", cls=ResultCommand)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_folder,
    show_default="myna in your home folder",
    help="Folder of the studio.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print all checks, not only those that need attention.")
@click.pass_context
def command(ctx: click.Context, folder: Path, verbose: bool) -> Result:
    """Check this machine: device, memory, disk, sound libraries, packages, pretrained files.

    Problems come first, usually with one command or step to solve each. Nothing is downloaded or changed. The exit code
    is 0 without problems; otherwise it identifies the kind of problem.
    """
    diagnosis = diagnose(folder)
    findings, checks = diagnosis.findings, diagnosis.checks
    lines = [line for check in findings for line in _lines(check)]
    if verbose or (ctx.parent is not None and ctx.parent.params.get("verbose")):
        lines += ["", *(line for check in checks if check not in findings for line in _lines(check))]
    else:
        shown = {check.name: check for check in checks if check not in findings}
        lines += [
            line for name in ("myna", "python", "torch", "device") if name in shown for line in _lines(shown[name])
        ]
        good = counted(sum(check.state == "good" for check in checks), "check")
        lines.append(f"{good} without a problem; svc doctor -v lists them")
    return Result(diagnosis.plain(), "\n".join(lines).strip("\n"), diagnosis.error)


def _lines(check: Check) -> list[str]:
    first = f"{_MARKS[check.state]:<8} {printable(check.title)}: {printable(check.text)}"
    return [first, f"{'':<8} {printable(check.remedy)}"] if check.remedy else [first]
