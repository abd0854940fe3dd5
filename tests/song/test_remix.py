"""A mix is the sum of its stems with their gains, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from myna.audio import io
from myna.errors import AudioError
from myna.song.remix import Part, pack_stem, remix

RATE = 44100


def stem(path: Path, audio: np.ndarray, rate: int = RATE) -> Path:
    with io.Writer(path, rate, channels=len(audio), sample_format="float32", ceiling=np.inf) as writer:
        writer.write(audio.astype(np.float32))
    return path


def noise(channels: int, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(channels).standard_normal((channels, round(seconds * rate)))


def test_stems_are_added_with_their_gains(tmp_path: Path) -> None:
    voice, music = noise(1, 2.3), noise(2, 2.3)
    parts = [Part(stem(tmp_path / "voice.wav", voice), -6.0), Part(stem(tmp_path / "music.wav", music), 3.0)]
    remix(parts, tmp_path / "mix.flac", io.Tags(title="Song"))
    mix, rate = io.read(tmp_path / "mix.flac", mono=False)
    assert rate == RATE and io.info(tmp_path / "mix.flac").tags.title == "Song"
    assert np.abs(mix - (10 ** (-6 / 20) * voice + 10 ** (3 / 20) * music)).max() < 1e-4


@pytest.mark.parametrize("suffix", [".mp3", ".m4a"])
def test_a_rate_that_the_format_cannot_store_is_changed(suffix: str, tmp_path: Path) -> None:
    parts = [Part(stem(tmp_path / "voice.wav", noise(1, 1, 192000), 192000))]
    remix(parts, tmp_path / f"mix{suffix}", io.Tags())
    assert io.info(tmp_path / f"mix{suffix}").sample_rate < 192000


def test_a_packed_stem_keeps_its_level_beyond_full_scale(tmp_path: Path) -> None:
    loud = 12 * noise(2, 1)
    gain = pack_stem([Part(stem(tmp_path / "loud.wav", loud))], tmp_path / "packed.flac")
    packed, _ = io.read(tmp_path / "packed.flac", mono=False)
    assert np.abs(loud).max() > 2 and np.abs(gain * packed - loud).max() < 1e-5


def test_nothing_to_mix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="all tracks are muted"):
        remix([], tmp_path / "mix.wav", io.Tags())
    assert not list(tmp_path.iterdir())
