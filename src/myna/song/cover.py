"""Covers: songs with the voice replaced, from file to file. Memory use does not depend on the length of a song.

The stages are: separate the song, convert its vocals, transpose the music, match the converted vocals to the original
ones, mix. The first three stages are slow, so a cache keeps their results. Stems from the user replace the separated
stems.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from myna.audio import io
from myna.config import PitchRange
from myna.conversion.converter import ConversionSummary, Converter
from myna.errors import AudioError, FileError, understood
from myna.options import ConversionOptions, CoverOptions
from myna.progress import Progress, silent, titled
from myna.song.cover_files import CoverFiles
from myna.song.mixdown import MixHeaders, MixSources, MixSummary, fitted, mix_files, n_channels_of, stem_writer
from myna.song.separation.interface import Separator
from myna.song.separation.levels import StemLevels
from myna.song.separation.separate import separate_file
from myna.song.transposition import check_transposition, shift_of_music, transposed
from myna.storage.atomic import hidden_folder
from myna.storage.stage_cache import Entry, StageCache, digest_of, digest_of_values

_DEFAULTS = ConversionOptions()
# Largest difference in length between a song and its stems. Encoders pad by some ms; a larger difference means that the
# stems are from another version or song.
_LENGTH_TOLERANCE_SECONDS = 0.1
# Versions of the algorithms, as parts of the cache's keys. Raise the number when an algorithm changes.
_SEPARATION_VERSION = _TRANSPOSITION_VERSION = 1
_VOCALS, _ACCOMPANIMENT, _SUNG, _MUSIC = "vocals.wav", "accompaniment.wav", "sung.wav", "music.wav"


@dataclass(frozen=True)
class CoverSummary:
    """Facts about a finished cover."""

    seconds: float
    sample_rate: int
    song_channels: int
    levels: StemLevels | None  # levels of the separated stems; None if nothing was separated
    is_voice_alone: bool  # True if the song has no accompaniment, so that the song itself was converted
    conversion: ConversionSummary
    music_shift: float  # semitones
    mix: MixSummary
    reused: tuple[str, ...]  # names of the stages with results from the cache


class _Sound(NamedTuple):
    """An audio file, and a cache key that identifies its content."""

    path: Path
    key: str


class _Stems(NamedTuple):
    """Vocals and music of a song; no music if the song is only a voice."""

    vocals: _Sound
    music: _Sound | None
    n_samples: int
    levels: StemLevels | None


class CoverMaker:
    """Maker of covers with one voice.

    maker = CoverMaker(Converter.load("joe"), load_separator, cache_folder=default_cache_folder())
    maker.make(CoverFiles(Path("song.mp3"), Path("cover.mp3")))
    """

    def __init__(
        self,
        converter: Converter,
        load_separator: Callable[[], Separator],
        options: CoverOptions | None = None,
        conversion: ConversionOptions = _DEFAULTS,
        cache_folder: Path | None = None,
    ) -> None:
        """
        Args:
            converter: converter to the voice.
            load_separator: function that loads the separator, called when the first song must be separated.
            options: options of the covers.
            conversion: options of the conversion.
            cache_folder: folder of the cache; None removes the results of the stages after each song.

        Raises:
            ConfigError: the voice does not support the options.
            MissingExtraError: the music must be transposed, and the library for this is not installed.
        """
        self._options = options or CoverOptions()
        self._conversion = replace(conversion, transpose=conversion.transpose + self._options.transpose_all)
        self._converter = converter
        self._load_separator = load_separator
        self._cache_folder = cache_folder
        converter.check(self._conversion)
        follows = self._conversion.auto_transpose and self._conversion.transpose_step != "octave"
        if follows or shift_of_music(self._options.transpose_all):
            check_transposition()

    def make(self, files: CoverFiles, progress: Progress = silent) -> CoverSummary:
        """Make the cover of a song.

        The cover has the song's length, sample rate, tags and picture. It is mono for a mono song, else stereo. The
        file appears when it is complete. If a stage fails, the results of the stages before it stay in the cache.

        Raises:
            AudioError: a file cannot be read or written, does not fit the song, or would be overwritten; or the song
                is silent or seems to have no vocals.
        """
        files.check()
        about = io.info(files.song)
        rate = about.sample_rate
        with self._cache(files) as cache:
            stems, separated = self._stems(files, rate, cache, progress)
            sung = self._sung(files.song, stems.vocals, cache, progress)
            summary = _read_conversion(sung.facts)
            shift = self._music_shift(summary)
            music, moved = self._music(files.song, stems, shift, rate, cache, progress)
            stages = {"separation": separated, "conversion": sung, "transposition": moved}
            sources = MixSources(stems.vocals.path, sung.folder / _SUNG, music, rate, stems.n_samples)
            shown = titled(progress, files.song.name)
            headers = MixHeaders.of(files.song, self._converter.voice_name(self._conversion))
            mix = mix_files(sources, self._options, files.output, headers, files.stem_files, shown)
            return CoverSummary(
                seconds=stems.n_samples / rate,
                sample_rate=rate,
                song_channels=about.n_channels,
                levels=stems.levels,
                is_voice_alone=stems.music is None,
                conversion=summary,
                music_shift=0.0 if moved is None else shift,
                mix=mix,
                reused=tuple(name for name, entry in stages.items() if entry is not None and not entry.is_new),
            )

    @contextmanager
    def _cache(self, files: CoverFiles) -> Iterator[StageCache]:
        if self._cache_folder is not None:
            try:
                with StageCache(self._cache_folder) as cache:
                    yield cache
            except (OSError, FileError) as error:
                if str(self._cache_folder) not in str(error):
                    raise
                reason = understood(error) or error
                raise FileError(f"{reason}; MYNA_CACHE can name a folder on another disk for the cache") from error
            return
        files.output.parent.mkdir(parents=True, exist_ok=True)
        with hidden_folder(files.output.parent) as folder, StageCache(folder, math.inf) as cache:
            yield cache

    def _stems(
        self, files: CoverFiles, rate: int, cache: StageCache, progress: Progress
    ) -> tuple[_Stems, Entry | None]:
        """Return the stems for the cover, separated or given, and the cache entry of the separation, if there is one.

        Add further stages on the vocals here, for example removal of backing vocals or of reverberation.
        """
        given = {name: path for name in ("vocals", "accompaniment") if (path := getattr(files, name)) is not None}
        sounds = {name: _Sound(path, digest_of(path)) for name, path in given.items()}
        entry, levels = None, None
        if len(given) == 2:
            n_samples = _n_samples(files.song, rate)
        else:
            entry = self._separated(files.song, cache, progress)
            levels = StemLevels(**entry.facts["levels"])
            n_samples = round(entry.facts["seconds"] * rate)
            for name in {"vocals", "accompaniment"} - given.keys():
                sounds[name] = _Sound(entry.folder / f"{name}.wav", f"{entry.key} {name}")
        for path in given.values():
            _check_length(path, files.song, n_samples, rate)
        if levels is not None and "vocals" not in given:
            if not self._options.force:
                _check_vocals(levels, files.song)
            if not levels.has_accompaniment and "accompaniment" not in given:
                return _Stems(_Sound(files.song, digest_of(files.song)), None, n_samples, levels), entry
        return _Stems(sounds["vocals"], sounds["accompaniment"], n_samples, levels), entry

    def _separated(self, song: Path, cache: StageCache, progress: Progress) -> Entry:
        separator = self._separator

        def compute(folder: Path) -> dict[str, Any]:
            stems = folder / _VOCALS, folder / _ACCOMPANIMENT
            return asdict(separate_file(song, *stems, separator, progress))

        inputs = {"song": digest_of(song), "separator": separator.identity, "version": _SEPARATION_VERSION}
        return cache.get("separated", inputs, compute)

    @cached_property
    def _separator(self) -> Separator:
        return self._load_separator()

    def _sung(self, song: Path, vocals: _Sound, cache: StageCache, progress: Progress) -> Entry:
        """Return the cache entry of the converted vocals, the only sound of a cover that comes from the converter."""

        def compute(folder: Path) -> dict[str, Any]:
            shown = titled(progress, song.name)
            summary = self._converter.convert_file(vocals.path, folder / _SUNG, self._conversion, shown)
            return _plain_conversion(summary)

        inputs = {"vocals": vocals.key, "voice": self._voice_key, "options": _plain_options(self._conversion)}
        return cache.get("converted", inputs | {"myna": version("myna")}, compute)

    @cached_property
    def _voice_key(self) -> str:
        """Digest of all data that determine the sound of the voice."""
        voice, retrieval = self._converter.voice, self._converter.check(self._conversion).retrieval
        return digest_of_values(
            {
                "weights": digest_of(voice.path),
                "config": voice.config.model_dump(mode="json"),
                "retrieval": None if retrieval is None else digest_of(retrieval.path),
            }
        )

    def _music_shift(self, summary: ConversionSummary) -> float:
        """Return the shift of the music in semitones, from `transpose_all` and the automatic shift of the vocals."""
        automatic = summary.transpose - self._conversion.transpose
        return shift_of_music(self._options.transpose_all + automatic)

    def _music(
        self, song: Path, stems: _Stems, shift: float, rate: int, cache: StageCache, progress: Progress
    ) -> tuple[Path | None, Entry | None]:
        if stems.music is None or not shift:
            return (stems.music.path if stems.music is not None else None), None
        music = stems.music

        def compute(folder: Path) -> dict[str, Any]:
            moved = transposed(fitted(music.path, rate, stems.n_samples), stems.n_samples, shift, rate)
            blocks = progress(
                io.rebuffer(moved, rate),
                title=song.name,
                total=math.ceil(stems.n_samples / rate),
                unit=" s transposed",
            )
            with stem_writer(folder / _MUSIC, rate, n_channels_of(music.path)) as writer:
                for block in blocks:
                    writer.write(block)
            return {}

        inputs = {"music": music.key, "semitones": shift, "version": _TRANSPOSITION_VERSION}
        entry = cache.get("transposed", inputs, compute)
        return entry.folder / _MUSIC, entry


def _check_vocals(levels: StemLevels, song: Path) -> None:
    if not levels.has_vocals:
        raise AudioError(
            f"{song} has hardly any vocals ({-levels.vocals_db:.0f} dB below the song): it seems to be an "
            "instrumental; --force makes the cover anyway"
        )


def _check_length(path: Path, song: Path, n_samples: int, sample_rate: int) -> None:
    seconds, expected = _n_samples(path, sample_rate) / sample_rate, n_samples / sample_rate
    if abs(seconds - expected) > _LENGTH_TOLERANCE_SECONDS:
        raise AudioError(
            f"{path} does not fit {song}: it has {seconds:.2f} s, the song {expected:.2f} s; a stem must begin and end "
            "with its song"
        )


def _n_samples(path: Path, sample_rate: int) -> int:
    """Count the samples of a recording at a sample rate by decoding it, because headers may contain estimates."""
    return sum(block.shape[1] for block in io.blocks(path, sample_rate, sample_rate, warn=False, mono=False))


def _plain_conversion(summary: ConversionSummary) -> dict[str, Any]:
    """Return the facts about a conversion as JSON values."""
    facts = {spec.name: getattr(summary, spec.name) for spec in fields(summary)}
    return {name: value.model_dump() if isinstance(value, PitchRange) else value for name, value in facts.items()}


def _read_conversion(facts: dict[str, Any]) -> ConversionSummary:
    pitches = {name: PitchRange(**value) for name, value in facts.items() if isinstance(value, dict)}
    return ConversionSummary(**{**facts, **pitches})


def _plain_options(options: ConversionOptions) -> dict[str, Any]:
    """Return the options as JSON values; the path of a file is replaced by the digest of its content."""
    found = {spec.name: getattr(options, spec.name) for spec in fields(options)}
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in found.items()}
    named = {name: value for name, value in plain.items() if isinstance(value, str) and os.path.isfile(value)}
    return plain | {name: digest_of(Path(value)) for name, value in named.items()}
