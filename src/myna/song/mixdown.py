"""Mix of a converted voice with the music of a song, from files to files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.audio.marking.manifest import add_manifest
from myna.audio.marking.tags import conversion_tags
from myna.audio.resample import resample_pieces
from myna.audio.slicing import windows
from myna.audio.stereo import at_most_stereo
from myna.errors import AudioError
from myna.options import CoverOptions
from myna.progress import Progress
from myna.song.cover_files import SEPARATED_STEMS
from myna.song.limiter import Limiter
from myna.song.mixing import InPlace, VoiceFacts, in_place, match, measure_voice
from myna.song.placement import Placement
from myna.song.room import Room
from myna.units import db_to_amplitude

Samples = NDArray[np.float32]

# Streaming services and EBU R 128 require true peaks of at most -1 dBTP. The limiter lowers peaks by up to 3 dB; a mix
# that needs more is attenuated as a whole.
MIX_CEILING = db_to_amplitude(-1.0)
MOST_LIMITED_DB = 3.0


@dataclass(frozen=True)
class MixSources:
    """Sounds of a mix.

    Attributes:
        vocals: vocals of the original.
        sung: the converted vocals.
        music: the accompaniment; None if the original is only a voice.
        sample_rate: sample rate of the mix in Hz.
        n_samples: length of the mix.
    """

    vocals: Path
    sung: Path
    music: Path | None
    sample_rate: int
    n_samples: int


@dataclass(frozen=True)
class MixSummary:
    """Facts about a mix."""

    n_channels: int
    placement: Placement  # of the original and of the converted vocals
    original_room: Room | None  # room of the original vocals; None if it cannot be estimated
    added_room: Room
    limited_db: float  # largest reduction of a peak by the limiter
    turned_down_db: float  # attenuation of the whole mix


@dataclass(frozen=True)
class MixHeaders:
    """Tags, picture and signature of a cover and its stems."""

    song: Path  # the original
    mix: io.Tags
    converted: io.Tags  # tags of the stems that contain the converted voice
    picture: io.Picture | None
    sign: Callable[[Path], None] | None = None  # adds Content Credentials to a complete file with the converted voice

    @classmethod
    def of(cls, song: Path, voice: str) -> Self:
        """Return the tags and the picture of a song, and a comment which states that the voice is synthetic."""
        tags, converted = io.info(song).tags, conversion_tags(voice, song)
        comment = " | ".join(filter(None, (converted.comment, tags.comment)))
        sign = partial(add_manifest, description=converted.comment, source=song)
        return cls(song, replace(tags, comment=comment), converted, io.read_picture(song), sign)

    def stem_writer(self, name: str, path: Path, sample_rate: int, n_channels: int) -> io.Writer:
        if name in SEPARATED_STEMS:
            return stem_writer(path, sample_rate, n_channels)
        return stem_writer(path, sample_rate, n_channels, self.converted, self.sign)


def mix_files(
    sources: MixSources,
    options: CoverOptions,
    output: Path,
    headers: MixHeaders,
    stems: Mapping[str, Path],
    progress: Progress,
) -> MixSummary:
    """Match the voice to the original vocals, mix it with the music, and write the mix and its stems.

    Args:
        sources: the sounds.
        options: levels, and whether tone and level are matched over time.
        output: file of the mix; its suffix selects the format.
        headers: tags and picture of the files.
        stems: file of each stem by its name (`cover_files.STEMS`); empty to write none.
        progress: progress with a title; see `titled`.

    Raises:
        AudioError: a file cannot be read or written, or the vocals are silent.
    """
    rate = sources.sample_rate
    paths = [path for path in (sources.vocals, sources.music) if path is not None]
    n_channels = max(map(n_channels_of, paths))
    original, sung = (_measured(sources, path, progress) for path in (sources.vocals, sources.sung))
    if original.is_silent:
        raise AudioError(f"the vocals of {headers.song} are silent: there is nothing to sing")
    settings = match(original, sung, over_time=options.match, reverb=options.reverb)
    limiter = Limiter(rate, MIX_CEILING, MOST_LIMITED_DB)
    with ExitStack() as stack:
        cover = io.Writer(
            output,
            io.storable_rate(output, rate),
            channels=n_channels,
            tags=headers.mix,
            picture=headers.picture,
            ceiling=MIX_CEILING,
            finish=headers.sign,
        )
        stack.enter_context(cover)
        writers = {
            name: stack.enter_context(headers.stem_writer(name, path, rate, n_channels)) for name, path in stems.items()
        }
        voice = in_place(_mono(sources), settings, rate, n_channels)
        shown = progress(
            _parts(sources, voice, options, n_channels), title="", total=_seconds(sources), unit=" s mixed"
        )
        for block in resample_pieces(_limited(shown, limiter, writers), rate, cover.sample_rate):
            cover.write(block)
    return MixSummary(
        n_channels, original.placement, original.room, settings.room, limiter.reduction_db, cover.turned_down_db
    )


def fitted(path: Path, sample_rate: int, n_samples: int) -> Iterator[Samples]:
    """Yield a recording with this sample rate and length, in blocks of one second, (1, n) or (2, n).

    A longer recording is cut at its end; a shorter one is padded with silence.
    """
    blocks = map(at_most_stereo, io.blocks(path, sample_rate, sample_rate, warn=False, mono=False))
    starts = range(0, n_samples, sample_rate)
    return windows(blocks, ((start, min(start + sample_rate, n_samples)) for start in starts))


def n_channels_of(path: Path) -> int:
    """Return the number of channels of `fitted`."""
    return min(io.info(path).n_channels, 2)


def stem_writer(
    path: Path,
    sample_rate: int,
    n_channels: int,
    tags: io.Tags | None = None,
    finish: Callable[[Path], None] | None = None,
) -> io.Writer:
    """Return a writer of a float32 .wav file, which stores the samples exactly, even beyond full scale."""
    return io.Writer(
        path,
        sample_rate,
        channels=n_channels,
        sample_format="float32",
        tags=tags,
        ceiling=math.inf,
        finish=finish,
    )


def _measured(sources: MixSources, path: Path, progress: Progress) -> VoiceFacts:
    blocks = fitted(path, sources.sample_rate, sources.n_samples)
    shown = progress(blocks, title="", total=_seconds(sources), unit=" s measured")
    return measure_voice(shown, sources.sample_rate)


def _seconds(sources: MixSources) -> int:
    return math.ceil(sources.n_samples / sources.sample_rate)


def _mono(sources: MixSources) -> Iterator[Samples]:
    return fitted(sources.sung, sources.sample_rate, sources.n_samples)


def _parts(
    sources: MixSources, voice: Iterator[InPlace], options: CoverOptions, n_channels: int
) -> Iterator[dict[str, Samples]]:
    """Yield all stems except the mix, by name, in blocks of one second, (n_channels, n)."""
    rate, n_samples = sources.sample_rate, sources.n_samples
    vocals = fitted(sources.vocals, rate, n_samples)
    music = fitted(sources.music or sources.vocals, rate, n_samples)
    vocals_gain, music_gain = map(db_to_amplitude, (options.vocals_db, options.accompaniment_db))
    if sources.music is None:
        music_gain = 0.0
    for block, original, accompaniment in zip(voice, vocals, music, strict=True):
        shape = n_channels, original.shape[1]
        yield {
            "vocals": np.broadcast_to(original, shape),
            "converted": block.voice * np.float32(vocals_gain),
            "reverb": block.reverberation * np.float32(vocals_gain),
            "accompaniment": np.broadcast_to(accompaniment * np.float32(music_gain), shape),
        }


def _limited(
    parts: Iterator[dict[str, Samples]], limiter: Limiter, stems: Mapping[str, io.Writer]
) -> Iterator[Samples]:
    """Yield the limited sum of the parts; write the parts and the limited sum to the files of the stems."""

    def written(mix: Samples) -> Samples:
        if "mix" in stems:
            stems["mix"].write(mix)
        return mix

    for part in parts:
        for name, block in part.items():
            if name in stems:
                stems[name].write(block)
        yield written(limiter.push(part["converted"] + part["reverb"] + part["accompaniment"]))
    yield written(limiter.finish())
