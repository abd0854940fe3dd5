"""Preparation removes offset and rumble, and keeps level, length and alignment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.audio.preparation import RumbleFilter, prepared, read_prepared, without_rumble

RATE = 44100


def tone(hz: float, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    """A tone of amplitude 0.2 that fades in and out."""
    n = round(seconds * rate)
    return (0.2 * np.sin(2 * np.pi * hz * np.arange(n) / rate) * np.hanning(n)).astype(np.float32)


def filtered(audio: np.ndarray, rate: int = RATE) -> np.ndarray:
    return np.concatenate(list(without_rumble([audio], rate)))


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("hz", [55, 65, 82, 220, 1000, 6000])
def test_notes_are_kept_as_they_are_and_where_they_are(hz: float, rate: int) -> None:
    np.testing.assert_allclose(filtered(tone(hz, rate=rate), rate), tone(hz, rate=rate), atol=2e-4)


@pytest.mark.parametrize("hz", [1, 5, 12, 20])
def test_rumble_is_removed(hz: float) -> None:
    assert np.abs(filtered(tone(hz))).max() < 2e-4


@pytest.mark.parametrize("seconds", [0.001, 0.09, 0.1, 0.11, 1.0, 4.0])
@pytest.mark.parametrize("offset", [-0.5, 0.001, 0.3])
def test_an_offset_is_removed_up_to_the_ends(seconds: float, offset: float) -> None:
    audio = tone(220, seconds)
    np.testing.assert_allclose(filtered(audio + np.float32(offset)), filtered(audio), atol=1e-6)


def test_silence_stays_silent() -> None:
    assert not filtered(np.zeros(RATE, np.float32)).any()
    assert not len(filtered(np.empty(0, np.float32)))


@pytest.mark.parametrize("n_samples", [1, 37, 4000, 100_000])
def test_blocks_of_any_length_give_the_same_samples_in_time(n_samples: int) -> None:
    audio = tone(100, 3.1) + np.float32(0.1)
    rumble = RumbleFilter(RATE)
    audio = audio[: 20 * n_samples] if n_samples == 1 else audio
    out, n_in = [], 0
    for start in range(0, len(audio), n_samples):
        out.append(rumble.push(audio[start : start + n_samples]))
        n_in += len(audio[start : start + n_samples])
        # No more than the declared look-ahead is missing, as a live conversion needs.
        assert sum(map(len, out)) == max(n_in - rumble.look_ahead, 0)
    out.append(rumble.finish())
    np.testing.assert_allclose(np.concatenate(out), filtered(audio), atol=1e-7)


def test_a_file_is_prepared_in_blocks_and_as_a_whole(tmp_path: Path) -> None:
    stereo = np.stack([tone(220, 3) + 0.2, -0.2 - tone(220, 3)], axis=1)
    soundfile.write(tmp_path / "song.wav", stereo, RATE, "FLOAT")
    pieces = list(prepared(tmp_path / "song.wav", RATE, 1000))
    assert {len(piece) for piece in pieces[:-1]} == {1000}
    np.testing.assert_allclose(np.concatenate(pieces), tone(220, 3), atol=2e-4)
    np.testing.assert_array_equal(read_prepared(tmp_path / "song.wav", RATE), np.concatenate(pieces))
