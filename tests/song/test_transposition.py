"""Transposition of music: the key, and the pitch, the length and the joins of the result."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from myna.errors import MissingExtraError
from myna.song.transposition import check_transposition, shift_of_music, transposed

RATE = 22050


@pytest.mark.parametrize(
    ("semitones", "shift"), [(0, 0), (12, 0), (-24, 0), (3, 3), (7, -5), (-7, 5), (13, 1), (6, 6), (-6, -6), (0.5, 0.5)]
)
def test_music_moves_to_the_key_by_the_shortest_way(semitones: float, shift: float) -> None:
    assert shift_of_music(semitones) == shift


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_stretch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'myna\[cover\]'"):
        check_transposition()


def tones(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.stack([0.3 * np.sin(2 * np.pi * hz * time) for hz in (440, 660)]).astype(np.float32)


@pytest.mark.parametrize("seconds", [3.0, 65.3])
def test_tones_are_transposed_at_the_same_level_without_gaps(seconds: float) -> None:
    pytest.importorskip("python_stretch")
    music = tones(seconds)
    blocks = [music[:, i : i + 10_000] for i in range(0, music.shape[1], 10_000)]
    out = np.concatenate(list(transposed(blocks, music.shape[1], 3, RATE)), axis=1)
    assert out.shape == music.shape
    for channel, hz in zip(out, (440, 660), strict=True):
        spectrum = np.abs(np.fft.rfft(channel[RATE : 2 * RATE] * np.hanning(RATE)))
        assert np.argmax(spectrum) == pytest.approx(hz * 2 ** (3 / 12), abs=1.5)
        levels = np.square(channel[RATE // 2 : -RATE // 2])
        levels = levels[: len(levels) // 2205 * 2205].reshape(-1, 2205).mean(axis=1)
        assert 10 * np.log10(levels / 0.045) == pytest.approx(0, abs=1.5)
