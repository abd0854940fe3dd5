"""Tasks that measure songs, and that convert whole songs or stretches of them."""

from __future__ import annotations

import math
import shlex
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.actions.convert import Conversion, convert, options_for
from myna.apps.actions.device import choose_device
from myna.apps.flags import as_flags
from myna.apps.gui.jobs import Report
from myna.apps.gui.tasks import VoiceTask
from myna.errors import MynaError
from myna.options import ConversionOptions
from myna.storage.atomic import write_text
from myna.studio.results import (
    Result,
    ResultFolder,
    Stretch,
    discard,
    drop_previews,
    record,
    record_comparison,
    reserve,
    source,
)
from myna.studio.song_content import SongContent, measure_content
from myna.studio.songs import SongFacts, Span, write_facts
from myna.studio.voices import LibraryVoice
from myna.studio.workspace import Workspace, unused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.conversion.converter import ConversionSummary, Converter

# Maximum length of a slice, unless the user chooses another. A pitch edit converts again the slices that it changes; a
# light voice converts 8 s in less than a second.
EDITING_CHUNK_SECONDS = 8.0

_loaded: dict[tuple[Any, ...], Converter] = {}  # only the voice used last


@dataclass(frozen=True)
class MeasureSong:
    """Measure a song, and store the facts in the file `into`."""

    song: Path
    into: Path

    def run(self, report: Report) -> SongFacts:
        from myna.studio.song_meter import measure_song

        try:
            facts = measure_song(self.song, report)
        except MynaError as error:
            raise MynaError(str(error).replace(str(self.song), self.song.name)) from error
        write_facts(self.into, facts)
        return facts


@dataclass(frozen=True)
class MeasureContent:
    """Measure whether a song has music, and store the result in the file `into`."""

    song: Path
    loudest: Span
    into: Path

    def run(self, report: Report) -> SongContent:
        measured = measure_content(self.song, self.loudest, report)
        self.into.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.into, measured.model_dump_json())
        return measured


@dataclass(frozen=True)
class DrawComparison:
    """Compute the player's data for a result and its source."""

    workspace: Workspace
    result: Result

    def run(self, report: Report) -> None:
        from myna.evaluation.report.comparison import Track, compare

        place = ResultFolder.of(self.workspace, self.result.number, source(self.workspace, self.result))
        tracks = [Track(place.source, self.result.song)]
        tracks.append(Track(self.result.path, self.result.voice, self.result.transpose))
        record_comparison(place, compare(tracks, place.folder, report))


@dataclass(frozen=True, kw_only=True)
class SingUpload(VoiceTask):
    """Convert a song, or a stretch of it, and return the number of the result.

    The audio of a whole song is written into the workspace's folder `sung`, and the audio of a preview beside its
    record.
    """

    workspace: Workspace
    song: Path
    options: Mapping[str, Any]  # given values; options that are left out take the voice's defaults
    noted: Mapping[str, Any] | None  # default options in the user's notes, used in place of those in the voice's file
    preview: Stretch | None
    transpose_all: float = 0.0  # transposition of both voice and music of a cover; the voice's own is added to it

    def run(self, report: Report) -> int:
        name = self.song.name
        place = self._reserve()
        try:
            converter = load_converter(report, self)
            options, used = options_for(converter.voice, self.options, self.noted)
            if options.cluster_infer_ratio and self.voice.retrieval is not None:
                options = replace(options, cluster_model_path=self.voice.retrieval)
            if "max_chunk_seconds" not in self.options:
                options = replace(options, max_chunk_seconds=EDITING_CHUNK_SECONDS)
            folder = self.workspace.sung if self.preview is None else place.folder
            output = unused(folder / f"{self.song.stem} ({Path(self.voice.name).stem}).wav")
            summary = self._sing(converter, options, place, output, report)
        except MynaError as error:
            discard(place)
            raise MynaError(str(error).replace(str(place.source), name)) from error
        except BaseException:  # also KeyboardInterrupt
            discard(place)
            raise
        result = Result(
            number=place.number,
            song=name,
            voice=self.voice.name,
            path=output,
            command=self._command(options, {*converter.voice.defaults, *(self.noted or ())}),
            transpose=summary.transpose,
            seconds=summary.seconds,
            source_hz=summary.source_pitch.median_hz if summary.source_pitch else None,
            voice_hz=summary.voice_pitch.median_hz if summary.voice_pitch else None,
            turned_down_db=summary.turned_down_db,
            lowered_seconds=summary.lowered_seconds,
            raised_seconds=summary.raised_seconds,
            made_at=time.time(),
            preview=self.preview,
            options=self._stored(options),
            defaults=used,
            transpose_all=self.transpose_all,
        )
        record(place, result)  # before drawing, so that the result is listed even if drawing fails
        self._draw(result, report)
        if self.preview is not None:
            drop_previews(self.workspace, name)
        return place.number

    def _sing(
        self, converter: Converter, options: ConversionOptions, place: ResultFolder, output: Path, report: Report
    ) -> ConversionSummary:
        """Convert the source in `place`, write the result to `output`, and return the summary."""
        raise NotImplementedError

    def _command(self, options: ConversionOptions, also: Collection[str]) -> str:
        """Return the command line that reproduces the result."""
        raise NotImplementedError

    def _draw(self, result: Result, report: Report) -> None:
        """Compute the display data of the result."""

    def _stored(self, options: ConversionOptions) -> dict[str, Any]:
        """Return the values that are not the defaults; the length of slices counts only if the user chose it."""
        chosen = replace(options, cluster_model_path=None)
        if "max_chunk_seconds" not in self.options:
            chosen = replace(chosen, max_chunk_seconds=ConversionOptions().max_chunk_seconds)
        values = {spec.name: getattr(chosen, spec.name) for spec in fields(chosen)}
        return {name: value for name, value in values.items() if value != getattr(ConversionOptions(), name)}

    def _reserve(self) -> ResultFolder:
        if self.preview is None:
            return reserve(self.workspace, self.song, self.song.name)
        place = reserve(self.workspace, None, f"{self.song.stem}.wav")
        try:
            cut(self.song, self.preview, place.source)
        except BaseException:
            discard(place)
            raise
        return place


@dataclass(frozen=True, kw_only=True)
class ConvertUpload(SingUpload):
    """Convert a recording that contains only a voice."""

    def _sing(
        self, converter: Converter, options: ConversionOptions, place: ResultFolder, output: Path, report: Report
    ) -> ConversionSummary:
        conversion = Conversion(place.source, output)
        return convert(converter, [conversion], options, report).done[conversion]

    def _command(self, options: ConversionOptions, also: Collection[str]) -> str:
        return command_line("infer", self.song.name, self.voice, as_flags(options, also))

    def _draw(self, result: Result, report: Report) -> None:
        DrawComparison(self.workspace, result).run(report)


def cut(song: Path, stretch: Stretch, target: Path) -> None:
    """Write all channels of a stretch of a song.

    The stretch begins earlier than requested if the song would end too soon.

    Raises:
        AudioError: the song cannot be read.
    """
    import numpy as np

    from myna.audio import io

    rate = io.info(song).sample_rate
    start, wanted = round(stretch.start * rate), round(stretch.seconds * rate)
    # The header may state a wrong length, so keep the last seconds in memory until the stretch or the song ends.
    held: deque[NDArray[np.float32]] = deque(maxlen=math.ceil(stretch.seconds) + 2)
    position = 0
    for block in io.blocks(song, rate, rate, mono=False):
        held.append(block)
        position += block.shape[-1]
        if position >= start + wanted:
            break
    audio = np.concatenate(held, axis=-1)
    first = max(min(start, position - wanted) - (position - audio.shape[-1]), 0)
    with io.Writer(target, rate, channels=len(audio)) as writer:
        writer.write(audio[:, first : first + wanted] if len(audio) > 1 else audio[0, first : first + wanted])


def command_line(command: str, song: str, voice: LibraryVoice, flags: Sequence[str]) -> str:
    """Return the `svc` command line that converts a song to a voice."""
    config = ["-c", str(voice.config)] if voice.config else []
    return shlex.join(["svc", command, song, "-m", voice.model, *config, *flags])


def load_converter(report: Report, task: VoiceTask) -> Converter:
    """Return the converter of a voice; reuse the last one if the voice is the same and its weights are unchanged."""
    from myna.conversion.converter import Converter
    from myna.conversion.slice_cache import SliceCache
    from myna.voice import Voice

    weights = task.files.find_weights()
    key = (weights, weights.stat().st_mtime_ns, task.files.config)
    if key not in _loaded:
        _loaded.clear()
        device = choose_device()
        report.note(f"device: {device}")
        # The cache lets the pitch editor convert only changed slices, even at the first edit after the conversion.
        _loaded[key] = Converter(Voice.load(weights, task.files.config, device.name), device.name, SliceCache())
    return _loaded[key]
