"""Separation of songs, in memory or from file to file. Memory use does not depend on the length of a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from myna.audio import io
from myna.audio.resample import resample_pieces, resampled_length
from myna.audio.slicing import windows
from myna.audio.stereo import MOST_CHANNELS, at_most_stereo
from myna.errors import AudioError, ConfigError
from myna.progress import Progress, silent
from myna.song.separation.interface import SONG_DBFS, Samples, Separator, Stems
from myna.song.separation.levels import StemLevels, StemMeter
from myna.units import db_to_amplitude, db_to_power

# Function that returns the whole song from its beginning in blocks, (1, n) or (2, n), at a sample rate.
Source = Callable[[int], Iterator[Samples]]

_BLOCK_SAMPLES = 1 << 18
# The level of a song is the mean power of the 400 ms windows that are at most 10 dB softer than the mean of all
# windows. This excludes pauses and soft beginnings (like the gate of ITU-R BS.1770).
_LEVEL_SECONDS, _GATE_DB = 0.4, -10.0
_SILENT_DBFS = -90.0  # above the dither of a 16-bit file (-98 dB)


@dataclass(frozen=True)
class SeparationSummary:
    """Facts about a separated song."""

    seconds: float
    sample_rate: int
    song_channels: int
    n_channels: int  # channels of the stems, 1 or 2
    levels: StemLevels


@dataclass(frozen=True)
class _Measured:
    """Length of a song, and the gain that brings it to `SONG_DBFS`."""

    n_samples: int
    gain: float


def separate(audio: Samples, sample_rate: int, separator: Separator, progress: Progress = silent) -> Stems:
    """Separate a song in memory, (N,) or (C, N), into stems of the same rate and length, with at most two channels.

    Raises:
        AudioError: the song is silent.
        ValueError: the song has more than `MOST_CHANNELS` channels.
    """
    song = at_most_stereo(np.atleast_2d(audio))

    def source(rate: int) -> Iterator[Samples]:
        parts = (song[:, i : i + _BLOCK_SAMPLES] for i in range(0, song.shape[1], _BLOCK_SAMPLES))
        return resample_pieces(parts, sample_rate, rate)

    measured = _measure(source(sample_rate), sample_rate, "the song")
    stems = list(progress(_stems(source, sample_rate, measured, separator), title="separation", unit=" s"))
    vocals = np.concatenate([one.vocals for one in stems], axis=1)
    return Stems(vocals, np.concatenate([one.accompaniment for one in stems], axis=1))


def separate_file(
    song: Path | str,
    vocals: Path | str,
    accompaniment: Path | str,
    separator: Separator,
    progress: Progress = silent,
) -> SeparationSummary:
    """Separate a song, an audio file of any format, and write its stems as audio files.

    The stems have the song's sample rate and length. They are mono for a mono song, else stereo. A float32 .wav file
    stores them exactly, even beyond full scale. If one stem cannot be completed, both files are removed.

    Raises:
        AudioError: the song cannot be read, is silent or has more than `MOST_CHANNELS` channels, or a stem cannot be
            written.
        ConfigError: the file of a stem exists already.
    """
    song, places = Path(song), (Path(vocals), Path(accompaniment))
    for place in places:
        if place.exists():
            raise ConfigError(f"{place} exists already; delete it, or choose another folder with -o")
    about = io.info(song)
    if about.n_channels > MOST_CHANNELS:
        raise AudioError(f"{song} has {about.n_channels} channels; mix it to stereo in another program")
    rate, seconds = about.sample_rate, math.ceil(about.seconds) or None
    blocks = progress(_blocks(song, rate, warn=True), title=f"{song.name}: level", total=seconds, unit=" s")
    measured = _measure(blocks, rate, str(song))
    found = _stems(partial(_blocks, song), rate, measured, separator)
    total = math.ceil(measured.n_samples / rate)
    meter, n_channels = StemMeter(), min(about.n_channels, 2)
    try:
        with _writer(places[0], rate, n_channels) as sung, _writer(places[1], rate, n_channels) as played:
            for stems in progress(found, title=song.name, total=total, unit=" s separated"):
                sung.write(stems.vocals)
                played.write(stems.accompaniment)
                meter.add(stems)
    except BaseException:  # also KeyboardInterrupt: one stem without the other is useless
        for place in places:
            place.unlink(missing_ok=True)
        raise
    return SeparationSummary(measured.n_samples / rate, rate, about.n_channels, n_channels, meter.levels())


def _writer(path: Path, sample_rate: int, n_channels: int) -> io.Writer:
    exact = path.suffix.lower() == ".wav"
    return io.Writer(
        path,
        sample_rate,
        channels=n_channels,
        sample_format="float32" if exact else None,
        ceiling=math.inf if exact else 1.0,
    )


def _blocks(path: Path, sample_rate: int, *, warn: bool = False) -> Iterator[Samples]:
    """Yield a song file in blocks of one second, (1, n) or (2, n)."""
    return map(at_most_stereo, io.blocks(path, sample_rate, sample_rate, warn, mono=False))


def _measure(blocks: Iterable[Samples], sample_rate: int, name: str) -> _Measured:
    """Measure the length and the level of a song.

    Raises:
        AudioError: the song is silent.
    """
    n_samples, powers = 0, []
    for block in io.rebuffer(iter(blocks), round(_LEVEL_SECONDS * sample_rate)):
        n_samples += block.shape[1]
        powers.append(float(np.square(block, dtype=np.float64).mean()))
    power = np.array(powers)
    level = power[power >= db_to_power(_GATE_DB) * power.mean()].mean() if len(power) else 0.0
    if level < db_to_power(_SILENT_DBFS):
        raise AudioError(f"{name} is silent: there is nothing to separate")
    return _Measured(n_samples, db_to_amplitude(SONG_DBFS) / math.sqrt(level))


def _stems(source: Source, sample_rate: int, measured: _Measured, separator: Separator) -> Iterator[Stems]:
    """Yield the stems of a song in blocks of one second."""
    gain = np.float32(measured.gain)
    song = (_stereo(block) * gain for block in source(separator.sample_rate))
    n_samples = resampled_length(measured.n_samples, sample_rate, separator.sample_rate)
    resampled = resample_pieces(separator.vocals(song, n_samples), separator.sample_rate, sample_rate)
    starts = range(0, measured.n_samples, sample_rate)
    # Resampling to another rate and back can change the length by a sample.
    seconds = windows(resampled, ((i, min(i + sample_rate, measured.n_samples)) for i in starts))
    for block, found in zip(io.rebuffer(source(sample_rate), sample_rate), seconds, strict=True):
        vocals = found / gain
        if len(block) == 1:
            vocals = vocals.mean(axis=0, keepdims=True)
        yield Stems(vocals, block - vocals)


def _stereo(block: Samples) -> Samples:
    return np.repeat(block, 2, axis=0) if len(block) == 1 else block
