"""Tasks of the tab Sing: convert a song, and what the tab shows beforehand."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.actions.convert import Conversion, PitchMatch, convert, match_pitch
from myna.apps.actions.device import choose_device
from myna.apps.actions.inspect import inspect_voice
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

_loaded: dict[tuple[Any, ...], Converter] = {}  # the voice used last


@dataclass(frozen=True, kw_only=True)
class ConvertSong(VoiceTask):
    """Convert the source at `place`; the result is its number."""

    place: ResultFolder
    song: str  # name of the recording
    folder: Path  # for the sound file
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
        )
        record(place, result)  # first: the sound stays in the list even if drawing fails
        tracks = [Track(place.source, self.song), Track(output, self.voice.name, summary.transpose)]
        record_comparison(place, compare(tracks, place.folder, report))
        return place.number


@dataclass(frozen=True)
class Card:
    """Facts about a voice that the page shows; those of `Inspection`, with its names."""

    what: str
    version: str | None
    speakers: list[str]
    n_speakers: int | None
    sample_rate: int | None  # Hz
    megabytes: float
    pitch: dict[str, float]  # median Hz of each speaker
    timbre: dict[str, int]  # retrieval vectors of each speaker
    author: str | None
    licence: str | None
    cover: str | None
    suspicious: list[str]


@dataclass(frozen=True, kw_only=True)
class DescribeVoice(VoiceTask):
    """Inspect a voice."""

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
class MatchPitch(VoiceTask):
    """Compute the shifts from a song's pitch to a voice's."""

    song: Path
    speaker: str | None

    def run(self, report: Report) -> PitchMatch:
        return match_pitch(self.song, self.files, self.speaker)


@dataclass(frozen=True)
class RewriteSound:
    """Write a sound file in the format of the suffix of `target`."""

    source: Path
    target: Path

    def run(self, report: Report) -> None:
        from myna.audio import io

        audio, sample_rate = io.read(self.source)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        with io.Writer(self.target, sample_rate) as writer:
            writer.write(audio)


def command_line(song: str, voice: LibraryVoice, options: ConversionOptions) -> str:
    """The command of `svc` for the same conversion."""
    config = ["-c", str(voice.config)] if voice.config else []
    return shlex.join(["svc", "infer", song, "-m", voice.model, *config, *as_flags(options)])


def load_converter(report: Report, task: VoiceTask) -> Converter:
    """Load a voice, unless it is the one used last and its file has not changed."""
    from myna.conversion.converter import Converter

    weights = task.files.find_weights()
    key = (weights, weights.stat().st_mtime_ns, task.files.config)
    if key not in _loaded:
        _loaded.clear()
        device = choose_device()
        report.note(f"device: {device}")
        _loaded[key] = Converter.load(weights, task.files.config, device.name)
    return _loaded[key]
