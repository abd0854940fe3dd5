"""Sing a song in a voice, and what must be known before."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from myna.apps.device import choose_device
from myna.apps.flags import as_flags
from myna.apps.gui.jobs import Report
from myna.audio import io
from myna.conversion.converter import Converter
from myna.conversion.transposition import measure_pitch, shift_between
from myna.errors import MynaError
from myna.evaluation.report.comparison import Track, compare
from myna.options import ConversionOptions
from myna.studio.results import Result, ResultFolder, discard, record, record_comparison
from myna.studio.voices import LibraryVoice
from myna.studio.workspace import unused
from myna.voice import find_weights
from myna.zoo.inspection import inspect
from myna.zoo.opening import open_voice

_loaded: dict[tuple[Any, ...], Converter] = {}  # the voice that sang last


def convert(
    report: Report, *, place: ResultFolder, song: str, voice: LibraryVoice, folder: Path, options: ConversionOptions
) -> int:
    """Sing the source at `place` into `folder`; the number of the result.

    Args:
        song: what the recording is called.
    """
    try:
        converter = _load(report, voice)
        output = unused(folder / f"{Path(song).stem} ({Path(voice.name).stem}).wav")
        summary = converter.convert_file(place.source, output, options, report)
    except MynaError as error:
        discard(place)
        raise MynaError(str(error).replace(str(place.source), song)) from error
    except BaseException:  # it was cancelled, or there is a defect
        discard(place)
        raise
    result = Result(
        number=place.number,
        song=song,
        voice=voice.name,
        path=output,
        command=command_line(song, voice, options),
        transpose=summary.transpose,
        seconds=summary.seconds,
        source_hz=summary.source_pitch.median_hz if summary.source_pitch else None,
        voice_hz=summary.voice_pitch.median_hz if summary.voice_pitch else None,
    )
    record(place, result)  # what was sung is there, whatever becomes of the pictures
    tracks = [Track(place.source, song), Track(output, voice.name, summary.transpose)]
    record_comparison(place, compare(tracks, place.folder, report))
    return place.number


def describe(report: Report, *, voice: LibraryVoice) -> dict[str, Any]:
    """What a voice is: `Inspection` as a dict."""
    return asdict(inspect(find_weights(voice.path), voice.config))


def suggest(report: Report, *, song: Path, voice: LibraryVoice, speaker: str | None) -> dict[str, float | None]:
    """Where a song and a voice lie, in Hz, and how the song gets to the voice: in whole octaves, and in semitones."""
    source = measure_pitch(song)
    config = open_voice(find_weights(voice.path), voice.config).config
    target = config.pitch.get(speaker or next(iter(config.speakers), ""))
    return {
        "source_hz": source.median_hz if source else None,
        "voice_hz": target.median_hz if target else None,
        "octaves": shift_between(source, target, "octave") if source and target else None,
        "semitones": shift_between(source, target, "semitone") if source and target else None,
    }


def command_line(song: str, voice: LibraryVoice, options: ConversionOptions) -> str:
    """What a person would type in a terminal for the same."""
    config = ["-c", str(voice.config)] if voice.config else []
    return shlex.join(["svc", "infer", song, "-m", voice.model, *config, *as_flags(options)])


def _load(report: Report, voice: LibraryVoice) -> Converter:
    """The voice, loaded anew only where it is another one, or its files have changed."""
    weights = find_weights(voice.path)
    key = (weights, weights.stat().st_mtime_ns, voice.config)
    if key not in _loaded:
        _loaded.clear()
        name, reason = choose_device("auto")
        report.note(f"device: {name} ({reason})")
        _loaded[key] = Converter.load(weights, voice.config, name)
    return _loaded[key]


def rewrite(report: Report, *, source: Path, target: Path) -> None:
    """Write a sound file in the format that the name of `target` says."""
    audio, sample_rate = io.read(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with io.Writer(target, sample_rate) as writer:
        writer.write(audio)
