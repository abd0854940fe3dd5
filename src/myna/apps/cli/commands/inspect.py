"""`svc inspect`: show what a file contains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from myna.apps.actions.inspect import inspect_files
from myna.apps.cli.report import counted, echo_error, listed
from myna.apps.cli.result import Result, ResultCommand
from myna.apps.progress import bar
from myna.errors import merged
from myna.text import printable, printable_lines

if TYPE_CHECKING:
    from myna.apps.actions.inspect import ManifestFacts, SoundInspection
    from myna.audio.marking.detection import Detection
    from myna.audio.marking.manifest import State
    from myna.zoo.inspection import Inspection


_STATES: Mapping[State, str] = {
    "own": "valid, signed by this installation of myna",
    "valid": "valid, signed by an unknown signer",
    "invalid": "invalid, because the file was changed after it was signed",
    "unreadable": "not verified, because they are damaged or in a format that cannot be verified here",
    "too large": "not verified, because the file is too large",
    "no library": "not verified, which needs the extra 'provenance'",
}


@click.command("inspect", cls=ResultCommand)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-c",
    "--config-path",
    type=click.Path(path_type=Path),
    help="config.json of the voice.  [default: the one beside the file]",
)
def command(files: tuple[Path, ...], config_path: Path | None) -> Result:
    """Show what FILE contains.

    For a voice: its kind, its version, its content encoder, and anything suspicious. For a vocoder: its kind and its
    mel spectrograms. Nothing in the file is executed.

    For a sound or a video: whether it is marked as synthetic, by tags in the file, by the mark that 'svc infer' puts
    into the sound, or by Content Credentials (C2PA).
    """
    inspected = inspect_files(files, config_path, bar)
    for error in inspected.failed:
        echo_error(error)
    found = [one for _, one in inspected.found]
    failed = merged(inspected.failed, f"{len(inspected.failed)} of {len(files)} files cannot be read")
    return Result(
        {"files": found, "sounds": inspected.sounds, "failed": list(map(str, inspected.failed))},
        "\n".join([*(line for one in found for line in _lines(one)), *map(_sound_text, inspected.sounds)]),
        failed if inspected.failed else None,
    )


def _lines(one: Inspection) -> list[str]:
    title = printable(f"{one.path}: {one.what}, {one.megabytes:g} MB")
    facts: dict[str, str | None] = {name: printable(fact) for name, fact in one.facts.items()}
    if one.n_speakers is not None:
        facts |= _voice_facts(one)
    lines = [title, *(f"  {name:<12} {value}" for name, value in facts.items() if value)]
    return [*lines, *(f"  suspicious   {printable(line)}" for line in one.suspicious)]


def _voice_facts(one: Inspection) -> dict[str, str | None]:
    """Return the facts about a voice, by name."""
    return {
        "version": one.version,
        "content": f"{printable(one.content_encoder or '')}, {one.content_channels} channels",
        "speakers": listed(one.speakers) if one.speakers else f"{one.n_speakers}, without names",
        "sample rate": f"{one.sample_rate} Hz",
        "trained": _trained(one),
        "numbers": "half precision" if one.half_precision else "single precision",
        "training": "can resume from this file" if one.trainable else "cannot resume from this file",
        "made with": one.made_with,
        "index": listed([f"{counted(size, 'vector')} of {speaker or 'all'}" for speaker, size in one.timbre.items()]),
        "cover": one.cover and printable_lines(one.cover.strip()).replace("\n", "\n" + 15 * " "),
        "author": one.author and printable(one.author),
        "licence": one.licence and printable(one.licence),
        "sings": "yes" if one.sings else "no",
    }


def _trained(one: Inspection) -> str | None:
    parts = [("step", one.step), ("epoch", one.iteration)]
    return ", ".join(f"{name} {number:,}" for name, number in parts if number) or None


def _sound_text(one: SoundInspection) -> str:
    verdict = "marked as synthetic" if one.synthetic else "not marked as synthetic"
    lines = [("tags", printable(text)) for text in one.tags]
    lines.append(("mark", _mark_text(one.mark)))
    if one.manifest is not None:
        lines.append(("manifest", _manifest_text(one.manifest)))
    title = printable(f"{one.path}: a sound of {one.mark.seconds:.1f} s, {verdict}")
    return "\n".join([title, *(f"  {name:<12} {text}" for name, text in lines)])


def _mark_text(mark: Detection) -> str:
    score = f"score {mark.score:.1f}, threshold {mark.threshold:.1f}"
    if not mark.found:
        return f"none in the sound ({score})"
    place = f"from {mark.start_seconds:.0f} to {mark.end_seconds:.0f} s"
    speed = f", at {mark.speed:.3f} of the original speed" if abs(mark.speed - 1) > 0.002 else ""
    return f"in the sound {place}{speed} ({score}: {_odds(mark.chance)} for a sound without a mark)"


def _manifest_text(manifest: ManifestFacts) -> str:
    types = f" of the type {', '.join(manifest.types)}" if manifest.types else ", which name no synthetic origin"
    return f"Content Credentials (C2PA){types}: {_STATES[manifest.state]}"


def _odds(chance: float) -> str:
    return "chance below 1 in a billion" if chance < 1e-9 else f"chance below 1 in {1 / chance:,.0f}"
