"""Self-contained HTML report with scores, players, pitch contours and spectrograms; it works without a network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio.io import Writer, read
from myna.errors import AudioError
from myna.evaluation.drawing.axes import frequency_position, time_ticks
from myna.evaluation.drawing.curve import pitch_plot
from myna.evaluation.drawing.image import FREQUENCIES_HZ, HIGH_HZ, data_uri, spectrogram_png
from myna.evaluation.evaluate import Evaluation, FileEvaluation
from myna.evaluation.scores import MEASURES, Bounded, Measure
from myna.progress import Progress, silent
from myna.storage.atomic import replacing

# Sample rate of source and conversion, so that their spectrograms have the same scale. MP3 supports it, and all
# browsers play MP3.
_SAMPLE_RATE = 44100

# This policy blocks the network, even if a file name contained markup.
_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

_LEGEND = """<p class="legend">
<span><svg><circle class="source" cx="8" cy="8" r="5"/></svg>unconverted sources</span>
<span><svg><rect class="target" x="6" width="4" height="16" rx="1"/></svg>the target's own recordings</span>
<span><svg><circle class="mean" cx="8" cy="8" r="6"/></svg>all conversions together</span>
<span><svg><circle class="file" cx="8" cy="8" r="4"/></svg>each conversion</span>
<span>right is better</span></p>"""

_PLOT_LEGEND = """<p class="legend">
<span><i class="swatch" style="background:var(--wanted)"></i>pitch of the source, shifted as the conversion is</span>
<span><i class="swatch" style="background:var(--accent)"></i>pitch of the conversion; strip below: more than 50
cents off</span>
<span><i class="swatch" style="background:var(--one-only)"></i>strip below: voiced in only one of the two</span>
<span>click a plot to move both players there</span></p>"""


def write_page(evaluation: Evaluation, path: Path, progress: Progress = silent) -> None:
    """Write the report to `path` atomically.

    Raises:
        AudioError: the report cannot be written, or a recording was deleted after its evaluation.
    """
    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="backslashreplace") as page:
            page.writelines(_head(evaluation))
            for number, file in enumerate(progress(evaluation.files, title="report", unit="files")):
                page.writelines(_conversion(number, file))
            page.write(f"<script>\n{_resource('page.js')}</script>\n</html>\n")
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror}") from error


def _head(evaluation: Evaluation) -> Iterator[str]:
    seconds = sum(file.seconds for file in evaluation.files)
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>Evaluation of {_count(len(evaluation.files), 'conversion')}</title>\n"
    yield f"<style>\n{_resource('page.css')}</style>\n"
    yield "<h1>Evaluation of conversions</h1>\n"
    yield f'<p class="faint">{_count(len(evaluation.files), "conversion")}, {seconds:.0f} s; '
    yield f"{_count(len(evaluation.target_scores), 'recording')} of the target</p>\n"
    notes = [f"{measure} was not measured: {reason}" for measure, reason in evaluation.not_measured.items()]
    if notes or evaluation.failures:
        lines = [*notes, *(f"not evaluated: {line}" for line in evaluation.failures)]
        yield f'<div class="notes">{"".join(f"<p>{escape(line)}</p>" for line in lines)}</div>\n'
    yield from _summary(evaluation)
    yield from _files(evaluation)
    yield f"<h3>Each conversion</h3>\n{_PLOT_LEGEND}\n"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _summary(evaluation: Evaluation) -> Iterator[str]:
    yield '<h3>Summary</h3>\n<div class="wide"><table>\n<tr><th>'
    yield "<th>source<th>converted<th>target<th>\n"
    for key, value in evaluation.summary.items():
        measure = MEASURES[key]
        marks = _marks(measure, value, [(file.pair.converted.name, file.scores.get(key)) for file in evaluation.files])
        yield f"<tr><td>{escape(measure.title)}<td>{measure.text(value.source)}"
        yield f"<td><strong>{measure.text(value.converted)}</strong><td>{measure.text(value.target)}"
        yield f'<td class="range">{marks}\n'
    yield f"</table></div>\n{_LEGEND}\n"


def _marks(measure: Measure, value: Bounded, singles: list[tuple[str, float | None]]) -> str:
    """Draw an SVG scale of a measure with a mark for each conversion, the overall value and the reference values.

    The scale is mirrored if lower values are better, so that right is always better.
    """
    named = [(name, number) for name, number in singles if number is not None]
    numbers = [number for _, number in named]
    numbers += [
        number for number in (value.converted, value.source, value.target, measure.scale_to) if number is not None
    ]
    low, high = min(numbers), max(numbers)

    def position(number: float) -> str:
        share = (number - low) / (high - low) if high > low else 0.5
        return f"{2 + 96 * (share if measure.better == 'higher' else 1 - share):.2f}%"

    def dot(number: float, kind: str, radius: float, title: str) -> str:
        title = f"<title>{escape(title)}: {measure.text(number)}</title>"
        return f'<circle class="{kind}" cx="{position(number)}" cy="50%" r="{radius:g}">{title}</circle>'

    marks = [dot(number, "file", 4, name) for name, number in named]
    if value.target is not None:
        marks.append(
            f'<svg x="{position(value.target)}" width="1" height="100%"><rect class="target" x="-2" y="2" width="4" '
            f'height="85%" rx="1"><title>target: {measure.text(value.target)}</title></rect></svg>'
        )
    if value.source is not None:
        marks.append(dot(value.source, "source", 5, "source"))
    marks.append(dot(value.converted, "mean", 6, "converted"))
    return f'<svg><line class="track" x1="0" x2="100%" y1="50%" y2="50%"/>{"".join(marks)}</svg>'


def _files(evaluation: Evaluation) -> Iterator[str]:
    keys = list(evaluation.summary)
    headings = ["file", "seconds", "shift", *(MEASURES[key].short for key in keys)]
    yield '<h3>Scores by file</h3>\n<div class="wide"><table class="sortable">\n<thead><tr>'
    yield "".join(f"<th><button>{escape(heading)}</button>" for heading in headings) + "\n<tbody>\n"
    for number, file in enumerate(evaluation.files):
        name = escape(file.pair.converted.name)
        yield f'<tr><td data-value="{name}"><a href="#take-{number}">{name}</a>'
        yield f'<td data-value="{file.seconds}">{file.seconds:.1f}<td data-value="{file.transpose}">{file.transpose:+g}'
        for key in keys:
            value = file.scores.get(key)
            yield f'<td data-value="{"" if value is None else value}">{MEASURES[key].text(value)}'
        yield "\n"
    yield "</table></div>\n"


def _conversion(number: int, file: FileEvaluation) -> Iterator[str]:
    """Yield the HTML of a conversion and its source: players, plots and transcripts."""
    sounds = {
        "source": read(file.pair.source, _SAMPLE_RATE)[0],
        "conversion": read(file.pair.converted, _SAMPLE_RATE)[0],
    }
    paths = {"source": file.pair.source, "conversion": file.pair.converted}
    # Truncate both to the shorter one, so that all plots share one time axis.
    n_samples = min(map(len, sounds.values()))
    sounds = {name: audio[:n_samples] for name, audio in sounds.items()}
    seconds = n_samples / _SAMPLE_RATE
    yield f'<article id="take-{number}" data-seconds="{seconds:.4f}">\n<h2>{escape(file.pair.converted.name)}</h2>\n'
    shown = [f"{MEASURES[key].title} <b>{MEASURES[key].text(value)}</b>" for key, value in file.scores.items()]
    shown.append(f"shift <b>{file.transpose:+g} semitones</b>")
    yield f'<div class="scores">{"".join(f"<span>{one}</span>" for one in shown)}</div>\n<div class="players">\n'
    for name, audio in sounds.items():
        yield f"<label>{name}: {escape(paths[name].name)}"
        yield f'<audio controls preload="metadata" src="{data_uri("audio/mpeg", _mp3(audio))}"></audio></label>\n'
    yield '</div>\n<div class="plots">\n'
    plot = pitch_plot(file.source_f0, file.converted_f0, file.transpose)
    # The strip below the contours is 14 of the plot's 190 pixels high.
    yield _axis([(name, f"top:calc((100% - 14px) * {position / 100:.4f})") for name, position in plot.notes])
    yield f'<div class="plot">{plot.svg}</div>\n'
    for name, audio in sounds.items():
        yield _axis(
            [(text, f"top:{100 * frequency_position(hz, HIGH_HZ):.2f}%") for hz, text in FREQUENCIES_HZ.items()]
        )
        picture = data_uri("image/png", spectrogram_png(audio, _SAMPLE_RATE))
        yield f'<div class="plot spectrum"><img alt="spectrogram of the {name}" src="{picture}">'
        yield f'<span class="name">{name}</span></div>\n'
    yield "<div></div>"
    yield _axis([(text, f"left:{100 * time / seconds:.2f}%") for time, text in time_ticks(seconds)], "axis times")
    yield "</div>\n"
    if file.source_text is not None and file.converted_text is not None:
        yield '<div class="texts">'
        for text in (file.source_text, file.converted_text):
            yield f'<p><span class="faint">transcript:</span> {escape(text) or "no words"}</p>'
        yield "</div>\n"
    yield "</article>\n"


def _axis(labels: list[tuple[str, str]], kind: str = "axis") -> str:
    """Return the HTML of an axis; labels are given as (text, CSS position)."""
    spans = (f'<span style="{position}">{text}</span>' for text, position in labels)
    return f'<div class="{kind}">{"".join(spans)}</div>'


def _mp3(audio: NDArray[np.float32]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.mp3"
        with Writer(path, _SAMPLE_RATE) as writer:
            writer.write(audio)
        return path.read_bytes()


def _resource(name: str) -> str:
    return (files("myna.evaluation.report") / name).read_text("utf-8")
