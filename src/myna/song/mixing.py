"""Matching of a converted voice to the original voice of a song: level, tone, place in the stereo image, and room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.song.convolution import used_twice
from myna.song.matching import (
    BANDS_HZ,
    BandMeter,
    Bands,
    equalized,
    loudness_lufs,
    match_level,
    match_tone,
    with_gain,
)
from myna.song.placement import Placement, PlacementMeter, placed
from myna.song.room import DRY, USUAL, DecayMeter, Room, estimate_room, reverberation
from myna.units import power_to_db

Samples = NDArray[np.float32]
FloatArray = NDArray[np.float64]

# A voice at or below this level is silent.
_SILENT_LUFS = -70.0


@dataclass(frozen=True)
class VoiceFacts:
    """Measures of a voice over a whole song."""

    n_samples: int
    placement: Placement
    bands: Bands
    room: Room | None  # None if the room cannot be estimated

    @property
    def is_silent(self) -> bool:
        return loudness_lufs(self.bands.loudness()) <= _SILENT_LUFS


@dataclass(frozen=True)
class VoiceSettings:
    """Changes to a converted voice that fit it into a song.

    Attributes:
        tone_db: gain for each third octave, (B,).
        gain_db: gain over time, (F,).
        placement: place in the stereo image.
        room: reverberation to add.
    """

    tone_db: FloatArray
    gain_db: FloatArray
    placement: Placement
    room: Room


class InPlace(NamedTuple):
    """A matched voice without the added reverberation, and the added reverberation; both are (C, n)."""

    voice: Samples
    reverberation: Samples


def measure_voice(blocks: Iterable[Samples], sample_rate: int) -> VoiceFacts:
    """Measure a voice, given in consecutive blocks (1, n) or (2, n)."""
    n_samples, meters = 0, (PlacementMeter(), BandMeter(sample_rate), DecayMeter(sample_rate))
    for block in blocks:
        n_samples += block.shape[1]
        for meter in meters:
            meter.add(block)
    placement, bands, decays = meters
    return VoiceFacts(n_samples, placement.placement(), bands.bands(), estimate_room(decays.levels_db()))


def match(
    original: VoiceFacts, sung: VoiceFacts, *, over_time: bool = True, reverb: float | None = None
) -> VoiceSettings:
    """Return the changes that give a converted voice the level, tone, place and room of the original.

    Args:
        original: measures of the voice of the song.
        sung: measures of the converted voice.
        over_time: match the tone, and the level at each time; if False, match only the mean level.
        reverb: amplitude of the reverberation relative to the voice; None matches the original's.
    """
    room = _room(original, sung) if reverb is None else Room((original.room or USUAL).seconds, reverb**2)
    tone_db = match_tone(original.bands, sung.bands) if over_time else np.zeros(len(BANDS_HZ))
    gain_db = match_level(original.bands.loudness(), sung.bands.loudness(tone_db), over_time=over_time)
    # The level of the original includes its reverberation, so lower the voice without reverberation by the
    # reverberation's share.
    return VoiceSettings(tone_db, gain_db - power_to_db(1 + room.wet_power), original.placement, room)


def _room(original: VoiceFacts, sung: VoiceFacts) -> Room:
    # The converter reproduces a part of the original's reverberation, so add only the rest.
    return (original.room or USUAL).beyond(sung.room or DRY)


def in_place(
    blocks: Iterable[Samples], settings: VoiceSettings, sample_rate: int, n_channels: int
) -> Iterator[InPlace]:
    """Apply settings to a voice in consecutive blocks (1, n), and yield it in blocks of one second, (C, n)."""
    toned = equalized(blocks, settings.tone_db, sample_rate)
    dry, source = used_twice(with_gain(toned, settings.gain_db, sample_rate))
    voice = placed(dry, settings.placement, sample_rate) if n_channels > 1 else dry
    wet = reverberation(source, settings.room, sample_rate, n_channels)
    for pair in zip(io.rebuffer(iter(voice), sample_rate), io.rebuffer(wet, sample_rate), strict=True):
        yield InPlace(*pair)
