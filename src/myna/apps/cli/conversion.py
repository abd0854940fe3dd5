"""Shared parts of the commands that convert: flags, loading of the voice, advice on the pitch."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource

from myna.apps.actions.convert import noted_defaults, options_for
from myna.apps.actions.device import choose_device
from myna.apps.cli.flags import find_config
from myna.apps.cli.report import echo
from myna.apps.flags import as_flags
from myna.options import ConversionOptions, Engine

if TYPE_CHECKING:
    from myna.conversion.converter import ConversionSummary, Converter
    from myna.voice import Voice

engine_flag = click.option(
    "--engine",
    type=click.Choice(get_args(Engine)),
    help="Run the voice with PyTorch (torch), or with ONNX Runtime on the CPU (onnx).  "
    "[default: onnx for a NAME.onnx from svc export, else torch]",
)


def load_converter(model: Path, config: Path | None, device: str, engine: Engine | None) -> Converter:
    """Load the voice that the flags name, and print the device."""
    from myna.conversion.converter import Converter

    resolved = choose_device(device)
    echo(f"device: {resolved}", err=True)
    return Converter.load(model, config or find_config(model), resolved.name, engine)


def with_defaults(
    voice: Voice, chosen: Mapping[str, Any], outputs: Iterable[Path]
) -> tuple[ConversionOptions, dict[str, Any]]:
    """Add the voice's default options to those that the user gave, and print the added ones.

    Args:
        voice: the voice.
        chosen: the values of all parameters of `ConversionOptions`; values that the user did not give are ignored.
        outputs: files to write. If one of them, the working folder or the voice is in the folder of a studio, the
            defaults that this studio stores for the voice are used.

    Returns:
        The options, and the defaults that are used.
    """
    context = click.get_current_context()
    given = {
        name: value
        for name, value in chosen.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    options, used = options_for(voice, given, noted_defaults(voice.path, [Path.cwd(), *outputs]))
    if used:
        flags = shlex.join(as_flags(ConversionOptions(**used)))
        echo(f"defaults of the voice: {flags} (flags that you give take precedence)", err=True)
    return options, used


def advice(summary: ConversionSummary) -> str:
    """Compare the pitch of the result with that of the voice's recordings; suggest a shift if they differ much."""
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
