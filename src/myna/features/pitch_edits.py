"""Pitch edits: changes of stretches of a melody, as data.

edits = read_pitch_edits(Path("edits.json"))
f0 = edits.applied(f0, times)

Edits change the output pitch: the source's contour after transposition, `--autotune` and `--vibrato`. Thus a drawn note
of 69 becomes A4 with any transposition, and a shift by 2 semitones is relative to the output without the edit. Times
are in seconds of the source, and pitches are MIDI note numbers, which may be fractional. Edits are applied in order,
each to the result of the edits before it. An edit covers the frames with centres in its stretch. Frames more than 40 ms
outside the stretch do not change, so only the slices around it must be converted again.

The file is JSON: {"format": 1, "edits": [{"kind": "shift", "start": 1.5, "end": 2.25, "semitones": 2}, ...]}, with the
fields of the classes below. docs/pitch_edits.md describes it for users.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from myna.errors import ConfigError, reason_of
from myna.features.contour import FloatArray
from myna.features.notes import snapped
from myna.features.vibrato import with_vibrato
from myna.scales import Scale
from myna.storage.json_file import JsonError, read_json
from myna.units import note_to_hz, semitones_to_ratio

FORMAT = 1  # version of the file's format

_MAX_BYTES = 8 << 20
_MAX_EDITS = 10_000
_MAX_POINTS = 200_000  # limit on the points of all drawn lines
# Smallest and largest value of each number in the file.
_LIMITS = {
    "start": (0.0, 86400.0),
    "end": (0.0, 86400.0),
    "seconds": (0.0, 86400.0),
    "note": (0.0, 127.0),
    "semitones": (-36.0, 36.0),
    "strength": (0.0, 1.0),
    "factor": (0.0, 4.0),
}
_GLIDE_SECONDS = 0.04  # length of the glide that replaces the jump at an edge of a stretch
_FADE_SECONDS = 0.01  # length of the fades at the ends of a silent stretch

Mask = NDArray[np.bool_]
Samples = NDArray[np.float32]


class PitchEdit(Protocol):
    """A change of a stretch; times are in seconds of the source."""

    kind: ClassVar[str]

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...

    def changed(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        """Return the changed contour (T,) of the stretch in Hz, 0 where unvoiced; `times` (T,) are frame centres."""
        ...


@dataclass(frozen=True)
class Shift:
    """Shift the pitch of a stretch up or down."""

    kind: ClassVar = "shift"
    start: float
    end: float
    semitones: float

    def changed(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        return f0 * semitones_to_ratio(self.semitones)


@dataclass(frozen=True)
class Draw:
    """Replace the pitch by a line through points; unvoiced frames stay unvoiced unless `voiced` is true."""

    kind: ClassVar = "draw"
    points: tuple[tuple[float, float], ...]  # (seconds, note), with ascending times
    voiced: bool = False  # also make unvoiced frames voiced, where the estimator missed the pitch

    @property
    def start(self) -> float:
        return self.points[0][0]

    @property
    def end(self) -> float:
        return self.points[-1][0]

    def changed(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        seconds, notes = np.array(self.points).T
        drawn = note_to_hz(np.interp(times, seconds, notes))
        return drawn if self.voiced else np.where(f0 > 0, drawn, 0.0)


@dataclass(frozen=True)
class Snap:
    """Move the notes of a stretch to a key, like `--autotune`."""

    kind: ClassVar = "snap"
    start: float
    end: float
    key: str  # "chromatic" for the nearest semitone
    strength: float = 1.0

    def __post_init__(self) -> None:
        Scale.parse(self.key)

    def changed(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        return snapped(f0, _step(times), Scale.parse(self.key), self.strength)


@dataclass(frozen=True)
class Vibrato:
    """Scale the depth of the vibrato in a stretch: 0 removes it, 2 doubles it."""

    kind: ClassVar = "vibrato"
    start: float
    end: float
    factor: float

    def changed(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        return with_vibrato(f0, _step(times), self.factor)


@dataclass(frozen=True)
class Unvoiced:
    """Make a stretch unvoiced, which sounds like breath or a consonant."""

    kind: ClassVar = "unvoiced"
    start: float
    end: float

    def changed(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        return np.zeros_like(f0)


@dataclass(frozen=True)
class Silent:
    """Mute a stretch; its pitch does not change."""

    kind: ClassVar = "silent"
    start: float
    end: float

    def changed(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        return f0


KINDS: dict[str, Any] = {kind.kind: kind for kind in (Shift, Draw, Snap, Vibrato, Unvoiced, Silent)}


@dataclass(frozen=True)
class PitchEdits:
    """Edits of one song, in the order in which they are applied."""

    edits: tuple[PitchEdit, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.edits)

    def within(self, start: float, end: float) -> PitchEdits:
        """Return the edits that may affect samples between two times."""
        start, end = start - _GLIDE_SECONDS, end + _GLIDE_SECONDS
        return PitchEdits(tuple(edit for edit in self.edits if edit.start < end and edit.end > start))

    def applied(self, f0: FloatArray, times: FloatArray) -> FloatArray:
        """Return the edited contour.

        A jump of the pitch that an edit causes at an edge of its stretch becomes a glide of 40 ms around the edge.
        Jumps in the original contour are kept.

        Args:
            f0: contour (T,) in Hz, 0 where unvoiced.
            times: centres of the contour's frames (T,) in seconds of the source, equally spaced.
        """
        edited, edges = f0.astype(np.float64), set()
        for edit in self.edits:
            first, end = np.searchsorted(times, (edit.start, edit.end)).tolist()
            if first < end:
                edited[first:end] = edit.changed(edited[first:end], times[first:end])
                edges |= {first, end}
        return _with_glides(f0, edited, sorted(edges), round(_GLIDE_SECONDS / 2 / _step(times)))

    def silenced(self, audio: Samples, start: float, sample_rate: int) -> Samples:
        """Return `audio` (N,), which begins at `start` in seconds, with the silent stretches muted."""
        audio = audio.copy()
        for edit in self.edits:
            if isinstance(edit, Silent):
                edges = ((edit.start - start) * sample_rate, (edit.end - start) * sample_rate)
                first, end = (min(max(math.ceil(edge), 0), len(audio)) for edge in edges)
                samples = np.arange(first, end)
                depth = np.minimum(samples - edges[0], edges[1] - samples) / (_FADE_SECONDS * sample_rate)
                audio[first:end] *= (0.5 + 0.5 * np.cos(np.pi * depth.clip(max=1))).astype(np.float32)
        return audio

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `parse_pitch_edits`."""
        return {"format": FORMAT, "edits": [{"kind": edit.kind, **vars(edit)} for edit in self.edits]}

    def text(self) -> str:
        """Return the content of a file for `read_pitch_edits`."""
        return json.dumps(self.as_json(), indent=1) + "\n"


def read_pitch_edits(path: Path) -> PitchEdits:
    """Read a file of pitch edits.

    Raises:
        ConfigError: the file cannot be read, or does not contain pitch edits.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is not a file of pitch edits: it has more than {_MAX_BYTES >> 20} MB")
        found = read_json(path)
    except JsonError as error:
        raise ConfigError(f"{path} {error}") from error
    except OSError as error:
        raise ConfigError(f"cannot read the pitch edits {path}: {reason_of(error)}") from error
    try:
        return parse_pitch_edits(found)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_pitch_edits(values: Any) -> PitchEdits:
    """Check and convert the content of a file of pitch edits.

    Raises:
        ConfigError: the form or the format number is wrong, or there are too many edits; the message names the wrong
            edit.
    """
    if not isinstance(values, dict) or not isinstance(values.get("edits"), list):
        raise ConfigError('pitch edits have the form {"format": 1, "edits": [...]}')
    if values.get("format") != FORMAT:
        raise ConfigError(
            f"the format of the pitch edits is {_short(values.get('format'))}; this version reads {FORMAT}"
        )
    if unknown := values.keys() - {"format", "edits"}:
        raise ConfigError(f"pitch edits have no field {_listed(unknown)}; there are: format, edits")
    if len(values["edits"]) > _MAX_EDITS:
        raise ConfigError(f"{len(values['edits'])} pitch edits are too many; {_MAX_EDITS} are allowed")
    edits = []
    for number, value in enumerate(values["edits"], start=1):
        try:
            edits.append(_edit(value))
        except ConfigError as error:
            raise ConfigError(f"edit {number}: {error}") from error
    if sum(len(edit.points) for edit in edits if isinstance(edit, Draw)) > _MAX_POINTS:
        raise ConfigError(f"the drawn lines have more than {_MAX_POINTS} points in total")
    return PitchEdits(tuple(edits))


def _edit(value: Any) -> PitchEdit:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str) or value["kind"] not in KINDS:
        raise ConfigError(f"its kind must be one of {', '.join(KINDS)}")
    kind = KINDS[value["kind"]]
    specs = {spec.name: spec for spec in fields(kind)}
    given = {name: one for name, one in value.items() if name != "kind"}
    missing = [name for name, spec in specs.items() if spec.default is MISSING and name not in given]
    if missing or given.keys() - specs.keys():
        raise ConfigError(f"a {kind.kind} has the fields {', '.join(specs)}; got {_listed(given) or 'none'}")
    edit: PitchEdit = kind(**{name: _value(name, one) for name, one in given.items()})
    if not edit.start < edit.end:
        raise ConfigError(f"it must end after its start, {edit.start:g} s")
    return edit


def _value(name: str, value: Any) -> Any:
    if name == "points":
        return tuple(_points(value))
    if name in _LIMITS:
        return _number(name, value)
    if not isinstance(value, bool if name == "voiced" else str):
        raise ConfigError(f"{name} is {_short(value)}; it must be {'true or false' if name == 'voiced' else 'text'}")
    return value


def _points(value: Any) -> Iterator[tuple[float, float]]:
    pairs = value if isinstance(value, list | tuple) else []
    if len(pairs) < 2 or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ConfigError("points must be a list of at least two points [seconds, note]")
    before = -1.0
    for seconds, note in pairs:
        point = _number("seconds", seconds), _number("note", note)
        if point[0] <= before:
            raise ConfigError(f"the times of its points must increase; {point[0]:g} follows {before:g}")
        before = point[0]
        yield point


def _number(name: str, value: Any) -> float:
    low, high = _LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} is {_short(value)}; it must be a number from {low:g} to {high:g}")
    return float(value)


def _short(value: Any) -> str:
    """Return a value from a file as text for an error message; a long text is cut."""
    return f"{value!r:.40}"


def _listed(names: Any) -> str:
    return f"{', '.join(sorted(map(str, names))):.200}"


def _step(times: FloatArray) -> float:
    """Return the distance between frames in seconds; 1 if there is only one frame."""
    return float(times[1] - times[0]) if len(times) > 1 else 1.0


def _with_glides(before: FloatArray, after: FloatArray, edges: Sequence[int], reach: int) -> FloatArray:
    """Return the contour `after` (T,) with glides in place of those jumps at `edges` that `before` does not have.

    Args:
        edges: first frame of each edited stretch, and first frame after it.
        reach: length of a glide on each side of an edge, in frames.
    """
    octaves = np.zeros(len(after))
    for edge in edges:
        if 0 < edge < len(after) and after[edge - 1] > 0 and after[edge] > 0:
            jump = np.log2(after[edge] / after[edge - 1])
            if before[edge - 1] > 0 and before[edge] > 0:
                jump -= np.log2(before[edge] / before[edge - 1])
            glide = _voiced_around(after > 0, edge, reach)
            frames = np.arange(glide.start, glide.stop)
            rising = 0.5 + 0.5 * np.sin(np.pi / 2 * (frames + 0.5 - edge) / reach)
            octaves[glide] += jump * (rising - (frames >= edge))
    return after * 2.0**octaves


def _voiced_around(voiced: Mask, edge: int, reach: int) -> slice:
    """Return the range of voiced frames without gaps around an edge, at most `reach` on each side."""
    first, end = edge, edge
    while first > max(edge - reach, 0) and voiced[first - 1]:
        first -= 1
    while end < min(edge + reach, len(voiced)) and voiced[end]:
        end += 1
    return slice(first, end)
