"""Tasks of the tab "Sing": convert a song, and compute the facts that the tab shows before a conversion."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.actions.convert import Conversion, PitchMatch, convert, match_pitch
from myna.apps.actions.device import choose_device
from myna.apps.actions.inspect import VoiceTraits, inspect_voice, read_traits
from myna.apps.flags import as_flags
from myna.apps.gui.jobs import Report
from myna.apps.gui.tasks import VoiceTask
from myna.errors import MynaError
from myna.options import ConversionOptions
from myna.studio.results import Result, ResultFolder, discard, record, record_comparison
from myna.studio.voices import LibraryVoice
from myna.studio.workspace import unused

if TYPE_CHECKING:
    from myna.conversion.converter import Converter

_loaded: dict[tuple[Any, ...], Converter] = {}  # holds only the voice used last


@dataclass(frozen=True, kw_only=True)
class ConvertSong(VoiceTask):
    """Convert the song in the folder `place`; the task's result is the number of that folder."""

    place: ResultFolder
    song: str  # displayed name of the recording
    folder: Path  # folder for the converted sound file
    options: ConversionOptions

    def run(self, report: Report) -> int:
        from myna.evaluation.report.comparison import Track, compare

        place = self.place
        try:
            converter = load_converter(report, self)
            output = unused(self.folder / f"{Path(self.song).stem} ({Path(self.voice.name).stem}).wav")
            conversion = Conversion(place.source, output)
            summary = convert(converter, [conversion], self.options, report).done[conversion]
        except MynaError as error:
            discard(place)
            raise MynaError(str(error).replace(str(place.source), self.song)) from error
        except BaseException:  # KeyboardInterrupt too
            discard(place)
            raise
        result = Result(
            number=place.number,
            song=self.song,
            voice=self.voice.name,
            path=output,
            command=command_line(self.song, self.voice, self.options),
            transpose=summary.transpose,
            seconds=summary.seconds,
            source_hz=summary.source_pitch.median_hz if summary.source_pitch else None,
            voice_hz=summary.voice_pitch.median_hz if summary.voice_pitch else None,
            turned_down_db=summary.turned_down_db,
            lowered_seconds=summary.lowered_seconds,
            raised_seconds=summary.raised_seconds,
        )
        record(place, result)  # before drawing, so that the result is listed even if drawing fails
        tracks = [Track(place.source, self.song), Track(output, self.voice.name, summary.transpose)]
        record_comparison(place, compare(tracks, place.folder, report))
        return place.number


@dataclass(frozen=True)
class Card:
    """Facts about a voice that the page shows, copied from the fields of `Inspection` with the same names."""

    what: str
    version: str | None
    speakers: list[str]
    n_speakers: int | None
    sample_rate: int | None  # Hz
    megabytes: float
    pitch: dict[str, float]  # median pitch of each speaker, in Hz
    timbre: dict[str, int]  # number of retrieval vectors of each speaker
    author: str | None
    licence: str | None
    cover: str | None
    suspicious: list[str]


@dataclass(frozen=True, kw_only=True)
class DescribeVoice(VoiceTask):
    """Read the facts about a voice that its card shows."""

    def run(self, report: Report) -> Card:
        found = inspect_voice(self.files)
        return Card(
            what=found.what,
            version=found.version,
            speakers=found.speakers,
            n_speakers=found.n_speakers,
            sample_rate=found.sample_rate,
            megabytes=found.megabytes,
            pitch=found.pitch,
            timbre=found.timbre,
            author=found.author,
            licence=found.licence,
            cover=found.cover,
            suspicious=found.suspicious,
        )


@dataclass(frozen=True, kw_only=True)
class ReadTraits(VoiceTask):
    """Read the properties of a voice on which the effect of conversion options depends."""

    def run(self, report: Report) -> VoiceTraits:
        return read_traits(self.files)


@dataclass(frozen=True, kw_only=True)
class MatchPitch(VoiceTask):
    """Compute the transpositions that bring the median pitch of a song to that of a voice."""

    song: Path
    speaker: str | None

    def run(self, report: Report) -> PitchMatch:
        return match_pitch(self.song, self.files, self.speaker)


@dataclass(frozen=True)
class RewriteSound:
    """Convert a sound file to the format given by the suffix of `target`."""

    source: Path
    target: Path

    def run(self, report: Report) -> None:
        from myna.audio import io

        audio, sample_rate = io.read(self.source)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        with io.Writer(self.target, sample_rate) as writer:
            writer.write(audio)


def command_line(song: str, voice: LibraryVoice, options: ConversionOptions) -> str:
    """Return the `svc` command line that makes the same conversion."""
    config = ["-c", str(voice.config)] if voice.config else []
    return shlex.join(["svc", "infer", song, "-m", voice.model, *config, *as_flags(options)])


def load_converter(report: Report, task: VoiceTask) -> Converter:
    """Return the converter of a voice; reuse the last one if it belongs to the same voice and unchanged weights."""
    from myna.conversion.converter import Converter

    weights = task.files.find_weights()
    key = (weights, weights.stat().st_mtime_ns, task.files.config)
    if key not in _loaded:
        _loaded.clear()
        device = choose_device()
        report.note(f"device: {device}")
        _loaded[key] = Converter.load(weights, task.files.config, device.name)
    return _loaded[key]
