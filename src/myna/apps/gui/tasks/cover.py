"""Tasks that make covers: separate the voice of a song, convert it, and mix it with the music."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from myna.apps.flags import as_flags
from myna.apps.gui.jobs import Report
from myna.apps.gui.tasks.pitch import ResultTask
from myna.apps.gui.tasks.singing import SingUpload, command_line, load_converter
from myna.errors import MynaError
from myna.options import ConversionOptions, CoverOptions
from myna.song.cover_files import CoverFiles
from myna.storage.stage_cache import default_cache_folder
from myna.studio.pitch_editing import pitch_files
from myna.studio.results import ResultFolder, source
from myna.studio.stems import MUSIC, ORIGINAL, VOICE, Level, Stem, Stems, folder, record_stems
from myna.studio.workspace import Workspace

if TYPE_CHECKING:
    from myna.conversion.converter import ConversionSummary, Converter
    from myna.song.cover import CoverSummary

T = TypeVar("T")

# Step of a cover, by the unit of progress that each stage reports.
_STEPS = {
    " s": "separate",
    " s separated": "separate",
    " s sung": "sing",
    " s transposed": "mix",
    " s measured": "mix",
    " s mixed": "mix",
}
_NAMES = ("separate", "sing", "mix")


class _Steps:
    """Report of the progress of a cover, with the number of the current step."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __call__(
        self, items: Iterable[T], *, title: str = "", total: int | None = None, unit: str = "it"
    ) -> Iterator[T]:
        name = _STEPS.get(unit, _NAMES[-1])
        self._report.fact("step", {"name": name, "number": _NAMES.index(name) + 1, "of": len(_NAMES)})
        return self._report(items, title=title, total=total, unit=unit)


@dataclass(frozen=True, kw_only=True)
class CoverUpload(SingUpload):
    """Make the cover of a song, and keep its stems."""

    def _sing(
        self, converter: Converter, options: ConversionOptions, place: ResultFolder, output: Path, report: Report
    ) -> ConversionSummary:
        cover = CoverOptions(transpose_all=self.transpose_all)
        made = make_cover(converter, options, cover, self.workspace, place, output, report)
        return made.conversion

    def _command(self, options: ConversionOptions, also: Collection[str]) -> str:
        flags = [*as_flags(CoverOptions(transpose_all=self.transpose_all)), *as_flags(options, also)]
        return command_line("cover", self.song.name, self.voice, flags)


@dataclass(frozen=True, kw_only=True)
class RemakeCover(ResultTask):
    """Mix a cover again with its pitch edits, and return the number of the result."""

    def run(self, report: Report) -> int:
        place = ResultFolder.of(self.workspace, self.result.number, source(self.workspace, self.result))
        converter = load_converter(report, self)
        options = self.options_of_result()
        files = pitch_files(self.workspace, self.result)
        if files.edits.is_file():
            options = replace(options, pitch=files.edits)
        cover = CoverOptions(transpose_all=self.result.transpose_all)
        try:
            make_cover(converter, options, cover, self.workspace, place, self.result.path, report)
        except MynaError as error:
            raise MynaError(str(error).replace(str(place.source), self.result.song)) from error
        files.keep_mixed()
        return place.number


def make_cover(
    converter: Converter,
    options: ConversionOptions,
    cover: CoverOptions,
    workspace: Workspace,
    place: ResultFolder,
    output: Path,
    report: Report,
) -> CoverSummary:
    """Make the cover of the source in `place`, and keep its stems there.

    The results of separation and conversion are kept in the cache of `svc cover`.
    """
    from myna.song.cover import CoverMaker
    from myna.song.separation.loading import load_separator

    maker = CoverMaker(
        converter, lambda: load_separator(device=converter.device), cover, options, default_cache_folder()
    )
    stems = folder(workspace, place.number)
    new = stems / "new"
    try:
        files = CoverFiles(place.source, output, stems=new)
        made = maker.make(files, _Steps(report))
        _keep_stems(workspace, place.number, files.stem_files, made)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return made


def _keep_stems(workspace: Workspace, number: int, files: dict[str, Path], made: CoverSummary) -> None:
    """Store the stems that the page shows: the voice with its reverberation, the original voice, and the music.

    The original voice is stored unchanged, because the pitch editor converts it again; the other stems are packed.
    """
    from myna.song.remix import Part, pack_stem

    place = folder(workspace, number)
    channels = made.mix.n_channels
    gain = pack_stem([Part(files["converted"]), Part(files["reverb"])], place / "voice.flac")
    files["vocals"].replace(place / "original.wav")
    stems = [
        Stem(name=VOICE, file="voice.flac", channels=channels, in_original=False, gain=gain),
        Stem(name=ORIGINAL, file="original.wav", channels=channels, in_original=True, level=Level(muted=True)),
    ]
    if not made.is_voice_alone:
        gain = pack_stem([Part(files["accompaniment"])], place / "music.flac")
        stems.append(Stem(name=MUSIC, file="music.flac", channels=channels, in_original=True, gain=gain))
    n_samples = round(made.seconds * made.sample_rate)
    record_stems(workspace, number, Stems(sample_rate=made.sample_rate, n_samples=n_samples, stems=stems))
