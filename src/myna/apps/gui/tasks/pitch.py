"""Tasks of the pitch editor. They run in the process that converts songs, where the voice is already loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from myna.apps.gui.jobs import Report
from myna.apps.gui.tasks import VoiceTask
from myna.apps.gui.tasks.singing import EDITING_CHUNK_SECONDS, load_converter
from myna.options import ConversionOptions, parse_options
from myna.studio.pitch_editing import PitchFiles, changed_stretches, pitch_files
from myna.studio.results import Result
from myna.studio.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from myna.audio.patching import Part
    from myna.conversion.converter import Converter, SongPitch
    from myna.features.pitch_edits import PitchEdits

_songs: dict[tuple[int, float | None], SongPitch] = {}  # unedited pitch of the result that was edited last


@dataclass(frozen=True)
class EditedPitch:
    """The pitch of a result, with and without its edits, in cents: hundredths of a MIDI note."""

    seconds: float
    sample_rate: int  # sample rate of the voice
    frame_seconds: float
    before: list[int]  # pitch of each frame, 0 where unvoiced
    after: list[int]
    notes: list[tuple[float, float, float]]  # start and end in seconds, pitch as a MIDI note number
    edits: list[dict[str, Any]]
    key: str | None  # name of the estimated key of the melody
    changed: list[tuple[float, float]]  # changed stretches of the sound, in seconds


@dataclass(frozen=True, kw_only=True)
class ResultTask(VoiceTask):
    """Common parts of tasks that convert a result again."""

    workspace: Workspace
    result: Result

    def options_of_result(self) -> ConversionOptions:
        """Return the options with which the result was converted."""
        given = {"max_chunk_seconds": EDITING_CHUNK_SECONDS, **self.result.options}
        options = parse_options(ConversionOptions, given)
        if options.cluster_infer_ratio and self.voice.retrieval is not None:
            return replace(options, cluster_model_path=self.voice.retrieval)
        return options


@dataclass(frozen=True, kw_only=True)
class OpenPitch(ResultTask):
    """Return the pitch of a result."""

    def run(self, report: Report) -> EditedPitch:
        files = pitch_files(self.workspace, self.result)
        converter = load_converter(report, self)
        return _view(converter, self._song(converter, files, report), files.read(), [])

    def _sung_options(self, files: PitchFiles) -> ConversionOptions:
        """Return the options of the conversion. Those of a cover add no mark, because the mix is marked as a whole."""
        options = self.options_of_result()
        shift = options.transpose + self.result.transpose_all
        return replace(options, transpose=shift, mark=options.mark and not files.in_mix)

    def _song(self, converter: Converter, files: PitchFiles, report: Report) -> SongPitch:
        """Return the unedited pitch; for a cover, convert its voice first if that has not been done."""
        if not files.sung.is_file():
            files.folder.mkdir(exist_ok=True)
            converter.convert_file(files.vocal, files.sung, self._sung_options(files), report)
        key = self.result.number, self.result.made_at
        if key not in _songs:
            _songs.clear()
            _songs[key] = converter.pitch(files.vocal, self._sung_options(files), report)
        return _songs[key]


@dataclass(frozen=True, kw_only=True)
class SingEdits(OpenPitch):
    """Replace the edits of a result, convert the phrases that change, and return the pitch."""

    edits: Any  # content of a file of pitch edits

    def run(self, report: Report) -> EditedPitch:
        from myna.audio import io
        from myna.audio.marking.manifest import add_manifest
        from myna.audio.patching import patch
        from myna.features.pitch_edits import parse_pitch_edits

        edits = parse_pitch_edits(self.edits)
        files = pitch_files(self.workspace, self.result)
        converter = load_converter(report, self)
        song = self._song(converter, files, report)
        stretches = changed_stretches(files.read(), edits)
        files.keep_unedited()
        parts = self._phrases(converter, files, edits, stretches)
        sign = partial(add_manifest, description=io.info(files.unedited).tags.comment, source=files.vocal)
        patch(files.sung, parts, files.sung if edits else files.unedited, None if files.in_mix else sign)
        files.write(edits)
        rate = converter.sample_rate
        return _view(converter, song, edits, [(first / rate, (first + len(audio)) / rate) for first, audio in parts])

    def _phrases(
        self, converter: Converter, files: PitchFiles, edits: PitchEdits, stretches: list[tuple[float, float]]
    ) -> list[Part]:
        """Convert the phrases around `stretches`, and attenuate them as much as the result was attenuated.

        A phrase that is still too loud is attenuated further.
        """
        from myna.audio.headroom import CONVERSION_CEILING, fitting_gain
        from myna.audio.marking.embedding import marked_part
        from myna.units import db_to_amplitude

        options, found = replace(self._sung_options(files), pitch=files.write_next(edits)), []
        turned_down = db_to_amplitude(-self.result.turned_down_db)
        for start, end in stretches:
            first, audio = converter.convert_phrases(files.vocal, start, end, options)
            if len(audio):
                sung = marked_part(audio, first, converter.sample_rate) if options.mark else audio
                peak = float(abs(sung).max()) * turned_down
                found.append((first, sung * (turned_down * fitting_gain(peak, CONVERSION_CEILING))))
        return found


def _view(converter: Converter, song: SongPitch, edits: PitchEdits, changed: list[tuple[float, float]]) -> EditedPitch:
    import numpy as np

    from myna.features.notes import find_notes, find_scale
    from myna.units import hz_to_note

    step = song.frame_seconds
    before = song.unedited_f0
    after = edits.applied(before, (np.arange(len(before)) + 0.5) * step)
    notes = find_notes(before, step)
    scale = find_scale(notes)

    def cents(f0: NDArray[np.floating]) -> list[int]:
        found: list[int] = np.where(f0 > 0, 100 * hz_to_note(np.maximum(f0, 1.0)), 0).round().astype(int).tolist()
        return found

    def pitch(start: float, end: float, unedited: float) -> float:
        inside = after[round(start / step) : round(end / step)]
        return float(hz_to_note(float(np.median(inside[inside > 0])))) if (inside > 0).any() else unedited

    return EditedPitch(
        seconds=song.seconds,
        sample_rate=converter.sample_rate,
        frame_seconds=step,
        before=cents(before),
        after=cents(after),
        notes=[(start, end, pitch(start, end, unedited)) for start, end, unedited in notes],
        edits=edits.as_json()["edits"],
        key=scale.name if scale is not None else None,
        changed=changed,
    )
