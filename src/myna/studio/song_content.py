"""Decision whether a song has music or is only a voice, made from a loud stretch of the song."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from myna.progress import Progress, silent
from myna.studio.songs import SongFacts, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Content = Literal["song", "voice"]

STRETCH_SECONDS = 10.0  # length of the stretch, which is separated in 2 s
# Limits on the level of the accompaniment, relative to the song, in the stems of 10 s. In 48 recordings of only a
# voice, this level is at most -22 dB (a held vowel), and below -38 dB in 44 of them. In 7 mixes, it is -13 to -12 dB
# for music 12 dB below the voice, and -20 to -17 dB for music 18 dB below the voice. Between the limits, the user is
# asked.
_MUSIC_DB, _NO_MUSIC_DB = -15.0, -25.0
_NO_VOICE_DB = -25.0  # limit on the level of the vocals, relative to the song
# Limits on the probabilities of the event model, which is used first if it is installed. With these limits, it decides,
# always correctly, for 21 of 24 recordings of only a voice, and for 22 of 48 mixes with music 12 dB below to 6 dB above
# the voice. The probability of music is at most 0.33 for voices, except 0.72 for a held vowel. It is at least 0.66 for
# these mixes, and at least 0.28 for 12 other mixes with music 18 dB below the voice.
_MUSIC, _NO_MUSIC, _VOICE = 0.85, 0.2, 0.5


class SongContent(BaseModel):
    """Result of `measure_content`: whether a stretch of a song has music, and whether it has a voice."""

    model_config = ConfigDict(frozen=True)

    format: Literal[2] = 2
    content: Content | None  # None if unclear
    has_voice: bool


def decide(facts: SongFacts, measured: SongContent) -> Content | None:
    """Return whether a song is only a voice or has music, from its facts and the measurement; None if unclear."""
    return "song" if facts.music else measured.content


def measure_content(song: Path, loudest: Span, progress: Progress = silent) -> SongContent:
    """Decide whether the central part of the loudest sung stretch of a song has music and a voice.

    Raises:
        AudioError: the song cannot be read, or the stretch is silent.
    """
    audio, rate = _middle(song, loudest)
    return _from_events(audio, rate) or _from_stems(audio, rate, progress)


def _middle(song: Path, loudest: Span) -> tuple[NDArray[np.float32], int]:
    """Read the central part, at most `STRETCH_SECONDS`, of a stretch; return it (C, n) and the sample rate."""
    from myna.audio import io
    from myna.audio.slicing import windows

    rate = io.info(song).sample_rate
    seconds = min(STRETCH_SECONDS, loudest.end - loudest.start)
    first = round(((loudest.start + loudest.end) - seconds) / 2 * rate)
    blocks = io.blocks(song, rate, rate, warn=False, mono=False)
    return next(windows(blocks, [(first, first + round(seconds * rate))])), rate


def _from_events(audio: NDArray[np.float32], rate: int) -> SongContent | None:
    """Decide by the event model; return None if it is not installed, or if its result is unclear."""
    from myna.audio.events import can_find_events, find_events

    if not can_find_events():
        return None
    events = find_events(audio, rate)
    if max(events.speech, events.singing) < _VOICE or _NO_MUSIC <= events.music <= _MUSIC:
        return None
    return SongContent(content="song" if events.music > _MUSIC else "voice", has_voice=True)


def _from_stems(audio: NDArray[np.float32], rate: int, progress: Progress) -> SongContent:
    """Decide by the levels of the separated stems.

    Raises:
        AudioError: the sound is silent.
    """
    from myna.song.separation.levels import StemMeter
    from myna.song.separation.loading import load_separator
    from myna.song.separation.separate import separate

    meter = StemMeter()
    meter.add(separate(audio, rate, load_separator(), progress))
    levels = meter.levels()
    content: Content | None = None
    if levels.accompaniment_db > _MUSIC_DB:
        content = "song"
    elif levels.accompaniment_db < _NO_MUSIC_DB:
        content = "voice"
    return SongContent(content=content, has_voice=levels.vocals_db > _NO_VOICE_DB)
