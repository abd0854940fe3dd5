"""Separation with the bundled weights: the gain over the mix, no seams, and the same result at any level."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from myna.assets import BUNDLED_SONG
from myna.audio import io
from myna.models.separators.unet import N_BINS, REACH_FRAMES, STRIDE
from myna.song.separation.interface import SONG_DBFS, Stems
from myna.song.separation.separate import separate
from myna.song.separation.spleeter import HOP_LENGTH, SAMPLE_RATE, Spleeter, load_spleeter
from song.accompaniment import accompaniment

SECONDS = 4.0


@pytest.fixture(scope="module")
def spleeter() -> Spleeter:
    return load_spleeter()


@pytest.fixture(scope="module")
def known() -> Stems:
    """Stems of a song: a sung phrase in the middle, and music as loud as it."""
    music = accompaniment(SECONDS)
    voice = io.read(BUNDLED_SONG, SAMPLE_RATE)[0][: music.shape[1]]
    return Stems(np.stack([voice, voice]) * 0.1 / voice.std(), music)


@pytest.fixture(scope="module")
def found(spleeter: Spleeter, known: Stems) -> Stems:
    return separate(known.song, SAMPLE_RATE, spleeter)


def si_sdr(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019)."""
    scaled = truth * (np.vdot(estimate, truth) / np.vdot(truth, truth))
    return float(10 * np.log10(np.square(scaled).sum() / np.square(estimate - scaled).sum()))


def level_db(samples: np.ndarray, reference: np.ndarray) -> float:
    return float(10 * np.log10(np.square(samples).sum() / np.square(reference).sum() + 1e-20))


def joined(separator: Spleeter, song: np.ndarray, block_samples: int = 50_000) -> np.ndarray:
    blocks = np.split(song, range(block_samples, song.shape[1], block_samples), axis=1)
    return np.concatenate(list(separator.vocals(blocks, song.shape[1])), axis=1)


class Share(nn.Module):
    """Network whose mask depends on the frequency only: it falls from `lowest` to `highest`."""

    def __init__(self, lowest: float, highest: float) -> None:
        super().__init__()
        self.share = torch.linspace(lowest, highest, N_BINS)

    def forward(self, magnitude: Tensor) -> Tensor:
        return self.share.expand_as(magnitude)


def test_both_stems_are_far_closer_to_the_truth_than_the_song_is(known: Stems, found: Stems) -> None:
    song = known.song
    assert si_sdr(song, known.vocals) == pytest.approx(0, abs=0.5)
    assert si_sdr(found.vocals, known.vocals) > 10
    assert si_sdr(found.accompaniment, known.accompaniment) > 10


def test_the_stems_add_up_to_the_song(known: Stems, found: Stems) -> None:
    assert np.abs(found.song - known.song).max() < 1e-6


def test_music_without_a_voice_has_no_vocals_and_a_voice_alone_no_accompaniment(
    spleeter: Spleeter, known: Stems
) -> None:
    assert level_db(separate(known.accompaniment, SAMPLE_RATE, spleeter).vocals, known.accompaniment) < -40
    assert level_db(separate(known.vocals, SAMPLE_RATE, spleeter).accompaniment, known.vocals) < -25


def test_a_song_is_separated_alike_at_any_level(spleeter: Spleeter, known: Stems, found: Stems) -> None:
    soft = separate(known.song * np.float32(0.001), SAMPLE_RATE, spleeter)
    assert level_db(soft.vocals * 1000 - found.vocals, found.vocals) < -60


def test_the_borders_of_pieces_do_not_matter(spleeter: Spleeter, known: Stems) -> None:
    song = known.song
    whole = joined(spleeter, song)
    pieces = joined(Spleeter(spleeter.network, piece_frames=2 * STRIDE), song)
    # Without context, the difference is about -20 dB.
    assert level_db(pieces - whole, whole) < -60


@pytest.mark.parametrize("n_samples", [1, 1023, 1024, 5000, 3 * STRIDE * HOP_LENGTH + 17])
def test_a_mask_of_one_half_halves_every_sample(n_samples: int) -> None:
    song = np.random.default_rng(0).standard_normal((2, n_samples)).astype(np.float32)
    separator = Spleeter(Share(0.5, 0.5), piece_frames=STRIDE)
    np.testing.assert_allclose(joined(separator, song, 3000), song / 2, atol=1e-5)


def test_a_long_song_is_held_in_memory_only_in_part() -> None:
    n_blocks, block = 120, np.zeros((2, SAMPLE_RATE), np.float32)
    taken = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal taken
        for _ in range(n_blocks):
            taken += 1
            yield block

    separator = Spleeter(Share(0.5, 0.5), piece_frames=STRIDE)
    given, ahead = 0, []
    for vocals in separator.vocals(blocks(), n_blocks * SAMPLE_RATE):
        ahead.append(taken - given / SAMPLE_RATE)
        given += vocals.shape[1]
    assert given == n_blocks * SAMPLE_RATE
    assert max(ahead) < 1 + (2 * STRIDE + REACH_FRAMES) * HOP_LENGTH / SAMPLE_RATE  # seconds


@pytest.mark.parametrize("hz", [12000, 16000, 21000])
def test_frequencies_above_the_network_get_the_mask_of_its_highest_ones(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE, dtype=np.float32)
    vocals = joined(Spleeter(Share(0.0, 1.0), piece_frames=STRIDE), np.stack([tone, tone]))
    inside = slice(4096, -4096)
    np.testing.assert_allclose(vocals[:, inside], np.stack([tone, tone])[:, inside] * 0.96, atol=0.01)


def test_songs_are_brought_to_the_level_of_mastered_music() -> None:
    class Listening(Spleeter):
        level = 0.0

        def vocals(self, song: Iterator[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
            blocks = list(song)
            self.level = float(10 * np.log10(np.square(np.concatenate(blocks, axis=1)).mean()))
            return super().vocals(blocks, n_samples)

    listening = Listening(Share(0.5, 0.5))
    song = np.full((1, SAMPLE_RATE), 1e-3, np.float32)
    separate(song, SAMPLE_RATE, listening)
    assert listening.level == pytest.approx(SONG_DBFS, abs=0.1)
