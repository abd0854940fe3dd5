"""Place of a voice in stereo: it is measured correctly in known mixes, and again after a voice is placed."""

from __future__ import annotations

import numpy as np
import pytest

from myna.song.placement import Placement, PlacementMeter, placed

RATE = 44100


def voice(seed: int = 0, seconds: float = 3.0) -> np.ndarray:
    """Noise with the spectrum of a voice, (1, N)."""
    noise = np.random.default_rng(seed).normal(size=round(seconds * RATE))
    spectrum = np.fft.rfft(noise)
    spectrum /= 1 + np.fft.rfftfreq(len(noise), 1 / RATE) / 1000
    return (0.3 * np.fft.irfft(spectrum, len(noise)))[None].astype(np.float32)


def measured(stereo: np.ndarray) -> Placement:
    meter = PlacementMeter()
    for start in range(0, stereo.shape[1], 10_000):
        meter.add(stereo[:, start : start + 10_000])
    return meter.placement()


def place(placement: Placement, block: int = 10_000) -> np.ndarray:
    mono = voice()
    blocks = (mono[:, i : i + block] for i in range(0, mono.shape[1], block))
    return np.concatenate(list(placed(blocks, placement, RATE)), axis=1)


@pytest.mark.parametrize(
    ("left", "right", "pan"), [(1, 1, 0), (1, 0, -45), (0, 1, 45), (1, 0.5, -18.43), (0.2, 0.1, -18.43)]
)
def test_gains_of_the_channels_are_an_angle(left: float, right: float, pan: float) -> None:
    found = measured(np.concatenate([left * voice(), right * voice()]))
    assert found.pan_degrees == pytest.approx(pan, abs=0.01)
    assert found.width == pytest.approx(0, abs=1e-6)


def test_the_side_of_a_voice_is_its_width() -> None:
    mid, side = voice(0), 0.5 * voice(1)
    found = measured(np.concatenate([mid + side, mid - side]))
    assert found.pan_degrees == pytest.approx(0, abs=1)
    assert found.width == pytest.approx(0.25 / 1.25, abs=0.01)


def test_mono_and_silence_stand_in_the_middle() -> None:
    assert measured(voice()).pan_degrees == pytest.approx(0, abs=1e-6)
    assert measured(np.zeros((2, 100), np.float32)) == Placement() == PlacementMeter().placement()


@pytest.mark.parametrize("pan", [-45.0, -20.0, 0.0, 30.0, 60.0])
@pytest.mark.parametrize("width", [0.0, 0.05, 0.25])
def test_a_placed_voice_is_measured_where_it_was_placed(pan: float, width: float) -> None:
    stereo = place(Placement(pan, width))
    found = measured(stereo)
    assert found.pan_degrees == pytest.approx(pan, abs=3)
    assert found.width == pytest.approx(width, rel=0.2, abs=1e-6)
    assert np.square(stereo).sum() == pytest.approx(np.square(voice()).sum(), rel=0.1)


def test_the_sum_of_both_channels_of_a_voice_in_the_middle_is_the_voice() -> None:
    stereo = place(Placement(0.0, 0.2))
    np.testing.assert_allclose(stereo.sum(axis=0) / np.sqrt(2 * 0.8), voice()[0], atol=1e-5)


@pytest.mark.parametrize("block", [999, 200_000])
def test_the_result_does_not_depend_on_the_blocks(block: int) -> None:
    np.testing.assert_allclose(place(Placement(10, 0.1), block), place(Placement(10, 0.1)), atol=1e-6)
