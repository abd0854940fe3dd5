"""Facts about songs: pitch, loudest stretch, clipping and music with their times; keys for a voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from myna.assets import BUNDLED_VOICES
from myna.audio import io
from myna.config import PitchRange
from myna.studio import songs
from myna.studio.song_meter import measure_song
from myna.studio.songs import Key, SongFacts, Span, keys_of, out_of_range, problems

RATE = 22050
SONG = BUNDLED_VOICES / "song.flac"


def tone(hz: float, seconds: float, amplitude: float = 0.3) -> NDArray[np.float32]:
    """Return a tone with overtones, like a voice."""
    time = np.arange(round(seconds * RATE)) / RATE
    partials = sum(np.sin(2 * np.pi * n * hz * time) / n for n in range(1, 9))
    return (amplitude * partials / 1.7).astype(np.float32)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), np.float32)


def measured(folder: Path, *parts: NDArray[np.float32], channels: int = 1) -> SongFacts:
    path = folder / "song.wav"
    audio = np.concatenate(parts)
    with io.Writer(path, RATE, channels=channels) as writer:
        writer.write(audio if channels == 1 else np.stack([audio, 0.5 * audio]))
    return measure_song(path)


def test_a_tone_of_220_hz_is_an_a3_everywhere(tmp_path: Path) -> None:
    facts = measured(tmp_path, tone(220, 4), channels=2)
    assert (facts.seconds, facts.channels, facts.sample_rate) == (4.0, 2, RATE)
    assert facts.pitch is not None
    assert all(abs(hz - 220) < 2 for hz in (facts.pitch.low_hz, facts.pitch.median_hz, facts.pitch.high_hz))
    assert all(abs(hz - 220) < 2 for hz in facts.contour[2:-2])
    assert problems(facts) == []


def test_the_loudest_sung_stretch_is_found_and_noise_is_not_sung(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = (0.5 * generator.standard_normal(16 * RATE)).clip(-0.9, 0.9).astype(np.float32)
    facts = measured(tmp_path, noise, silence(2), tone(220, 10, 0.05), tone(247, 16, 0.4), tone(220, 10, 0.05))
    assert 27.5 <= facts.loudest.start <= 29.5
    assert facts.loudest.end - facts.loudest.start == pytest.approx(songs.PREVIEW_SECONDS)


def test_a_song_shorter_than_a_preview_is_its_own_loudest_stretch() -> None:
    facts = measure_song(SONG)
    assert facts.loudest == (0.0, 9.1)
    assert facts.pitch is not None and abs(facts.pitch.median_hz - 147) < 2  # a D3
    audio, _ = io.read(SONG)
    assert len(facts.peaks) == 910 and max(facts.peaks) == pytest.approx(np.abs(audio).max(), abs=1e-3)
    assert problems(facts) == []


def test_a_clipped_stretch_is_named_at_its_time(tmp_path: Path) -> None:
    facts = measured(tmp_path, tone(220, 6), (4 * tone(220, 2)).clip(-1, 1), tone(220, 6))
    (clipped,) = problems(facts)
    assert clipped.kind == "clipped"
    (span,) = clipped.spans
    assert abs(span.start - 6) <= 0.2 and abs(span.end - 8) <= 0.2


def test_times_are_right_at_every_sample_rate(tmp_path: Path) -> None:
    song = np.concatenate([tone(220, 40), (4 * tone(220, 1)).clip(-1, 1)])
    with io.Writer(tmp_path / "song.wav", 11025) as writer:
        writer.write(song[::2])
    facts = measure_song(tmp_path / "song.wav")
    assert len(facts.peaks) == 1000
    assert abs(facts.clipped[0].start - 40) <= 0.2 and facts.clipped[-1].end == pytest.approx(41, abs=0.1)


def test_a_clipped_channel_is_found_although_the_mean_is_not_flat(tmp_path: Path) -> None:
    clipped, clean = (4 * tone(220, 3)).clip(-1, 1), tone(330, 3)
    with io.Writer(tmp_path / "stereo.wav", RATE, channels=2) as writer:
        writer.write(np.stack([clipped, clean]))
    assert [one.kind for one in problems(measure_song(tmp_path / "stereo.wav"))] == ["clipped"]


def test_a_bass_under_the_singing_is_music_and_a_hum_is_not(tmp_path: Path) -> None:
    voice = tone(262, 12)
    time = np.arange(len(voice)) / RATE
    # Notes of a bass, two a second.
    bass = (0.1 * np.sin(2 * np.pi * np.repeat([65.4, 82.4, 98.0], 4 * RATE) * time) * (time % 0.5 < 0.3)).astype(
        np.float32
    )
    hum = (0.1 * np.sin(2 * np.pi * 60 * time)).astype(np.float32)
    assert measured(tmp_path, voice).music == []
    assert measured(tmp_path, voice + hum).music == []
    (span,) = measured(tmp_path, voice + bass).music
    assert span.start == 0 and span.end >= 10


def test_silence_is_said_only_if_there_is_hardly_anything_else(tmp_path: Path) -> None:
    assert problems(measured(tmp_path, silence(6), tone(220, 6))) == []
    (found,) = problems(measured(tmp_path, tone(220, 2), silence(10)))
    assert found.kind == "silent" and found.spans == [(2.0, 12.0)]
    facts = measured(tmp_path, silence(3))
    assert facts.pitch is None and [one.kind for one in problems(facts)] == ["silent"]


def test_a_long_song_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.studio.song_meter._MAX_PITCH_BLOCKS", 2)
    facts = measured(tmp_path, tone(220, 120))
    sung = [hz > 0 for hz in facts.contour]
    assert len(sung) == 1200 and sung[100] and not sung[400] and sung[700] and not sung[1000]


def test_stored_facts_are_read_until_the_song_changes(tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    facts = measured(tmp_path, tone(220, 1))
    path = songs.facts_path(song, tmp_path / "cache")
    assert songs.read_facts(path) is None
    songs.write_facts(path, facts)
    assert songs.read_facts(path) == facts
    measured(tmp_path, tone(220, 2))
    assert songs.facts_path(song, tmp_path / "cache") != path


# --- keys ------------------------------------------------------------------------------------------------------------


def around(hz: float, semitones: float = 5) -> PitchRange:
    return PitchRange(median_hz=hz, low_hz=hz / 2 ** (semitones / 12), high_hz=hz * 2 ** (semitones / 12))


@pytest.mark.parametrize(
    ("song_hz", "voice_hz", "offered", "best"),
    [
        (220, 220, [0, -12], 0),
        (220, 110, [0, -12], -12),
        (220, 440, [0, 12], 12),
        (147, 86, [0, -12, -9], 0),  # an octave lower would be below the range of songs
        (220, 155, [0, -12, -6], 0),  # both octaves are 6 semitones away; the higher one is sung
        (110, 440, [0, 24], 24),
    ],
)
def test_keys_are_octaves_and_the_closest_one(song_hz: float, voice_hz: float, offered: list[int], best: int) -> None:
    keys = keys_of(around(song_hz), around(voice_hz))
    assert [key.transpose for key in keys.choices] == offered
    assert keys.choices[keys.best].transpose == best


def test_without_a_known_pitch_the_song_stays_in_its_key() -> None:
    keys = keys_of(around(220), None)
    assert keys.choices[keys.best] == Key(0, "same")


def test_notes_out_of_range_have_their_times(tmp_path: Path) -> None:
    facts = measured(tmp_path, tone(300, 2), tone(800, 2), tone(300, 2))
    assert out_of_range(facts, None, 0) == []
    (moved,) = out_of_range(facts, None, 12)  # 1600 Hz, above what any voice learns
    assert (moved.side, moved.limit_hz, moved.is_moved) == ("above", 1100.0, True)
    (span,) = moved.spans
    assert abs(span.start - 2) <= 0.2 and abs(span.end - 4) <= 0.2
    (far,) = out_of_range(facts, around(220), 0)  # more than an octave above the 95th percentile of the recordings
    assert (far.side, far.is_moved) == ("above", False) and abs(far.spans[0].start - 2) <= 0.2


def test_close_spans_are_joined() -> None:
    assert songs.merged(iter([Span(0, 1), Span(1.4, 2), Span(3, 4)])) == [(0, 2), (3, 4)]
