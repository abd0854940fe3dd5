"""Decision whether a song has music, or is a voice alone, from the separation of a loud stretch of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from myna.progress import Progress, silent
from myna.studio.songs import SongFacts, Span

Content = Literal["song", "voice"]

STRETCH_SECONDS = 10.0  # separated in 2 s
# Level of the accompaniment, relative to the song, in the stems of 10 s. For 48 recordings of voices alone, it
# is at most -22 dB (a held vowel), and below -38 dB for 44 of them. For 7 mixes with music 12 dB below the voice it is
# -13 to -12 dB; 18 dB below the voice, -20 to -17 dB. Between the two limits, a person is asked.
_MUSIC_DB, _NO_MUSIC_DB = -15.0, -25.0
_NO_VOICE_DB = -25.0  # of the vocals


class SongContent(BaseModel):
    """Levels of the stems of a stretch of a song, in dB relative to the stretch."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    vocals_db: float
    accompaniment_db: float

    @property
    def has_voice(self) -> bool:
        return self.vocals_db > _NO_VOICE_DB


def decide(facts: SongFacts, measured: SongContent) -> Content | None:
    """Return the content of a song; None if it is not clear."""
    if facts.music or measured.accompaniment_db > _MUSIC_DB:
        return "song"
    return "voice" if measured.accompaniment_db < _NO_MUSIC_DB else None


def measure_content(song: Path, loudest: Span, progress: Progress = silent) -> SongContent:
    """Separate the middle of the loudest sung stretch of a song, and measure both stems.

    Raises:
        AudioError: the song cannot be read, or the stretch is silent.
    """
    import numpy as np

    from myna.audio import io
    from myna.song.separation.levels import StemMeter
    from myna.song.separation.loading import load_separator
    from myna.song.separation.separate import separate

    separator = load_separator()
    rate = io.info(song).sample_rate
    seconds = min(STRETCH_SECONDS, loudest.end - loudest.start)
    first = round(((loudest.start + loudest.end) - seconds) / 2 * rate)
    held, position = [], 0
    for block in io.blocks(song, rate, rate, False, mono=False):
        held.append(block[:, max(first - position, 0) :])
        position += block.shape[1]
        if position >= first + round(seconds * rate):
            break
    audio = np.concatenate(held, axis=1)[:, : round(seconds * rate)]
    meter = StemMeter()
    meter.add(separate(audio, rate, separator, progress))
    levels = meter.levels()
    return SongContent(vocals_db=levels.vocals_db, accompaniment_db=levels.accompaniment_db)
