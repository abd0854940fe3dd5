"""Level and tone: known gains and filters are found and undone, within the bounds."""

from __future__ import annotations

import numpy as np
import pytest

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

RATE = 44100


def measured(audio: np.ndarray, block: int = 30_000, rate: int = RATE) -> Bands:
    meter = BandMeter(rate)
    for start in range(0, audio.shape[-1], block):
        meter.add(np.atleast_2d(audio)[:, start : start + block])
    return meter.bands()


def phrases(seconds: float = 12.0) -> np.ndarray:
    """Pink noise in phrases of 2 s with pauses of 1 s, (1, N)."""
    time = np.arange(round(seconds * RATE)) / RATE
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=len(time)))
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(len(time), 1 / RATE), 20)), len(time))
    return (pink / pink.std() * 0.1 * (time % 3 < 2))[None].astype(np.float32)


def blocks(audio: np.ndarray, size: int = 20_001) -> list[np.ndarray]:
    return [audio[:, i : i + size] for i in range(0, audio.shape[1], size)]


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
@pytest.mark.parametrize(("hz", "lufs"), [(997, -3.01), (100, -4.87)])
def test_a_sine_has_the_loudness_of_the_standard(rate: int, hz: float, lufs: float) -> None:
    """BS.1770: 997 Hz at full scale in one channel is -3.01 LUFS. Its high-pass of 38 Hz takes 1.2 dB from 100 Hz."""
    sine = np.sin(2 * np.pi * hz * np.arange(5 * rate) / rate).astype(np.float32)
    stereo = np.stack([sine, sine])
    assert loudness_lufs(measured(sine, rate=rate).loudness()) == pytest.approx(lufs, abs=0.3)
    assert loudness_lufs(measured(stereo, rate=rate).loudness()) == pytest.approx(lufs + 3.01, abs=0.3)


def test_pauses_do_not_count_in_the_loudness_and_silence_has_none() -> None:
    sine = np.sin(2 * np.pi * 997 * np.arange(20 * RATE) / RATE).astype(np.float32)
    sine[10 * RATE :] = 0
    assert loudness_lufs(measured(sine).loudness()) == pytest.approx(-3.01, abs=0.3)
    assert loudness_lufs(measured(np.zeros(RATE, np.float32)).loudness()) == -np.inf
    assert BandMeter(RATE).bands().power.shape == (0, len(BANDS_HZ))


def test_bands_do_not_depend_on_the_blocks_and_hold_the_power() -> None:
    audio = phrases()
    np.testing.assert_allclose(measured(audio, 1000).power, measured(audio, 200_000).power, rtol=1e-4, atol=1e-12)
    spectrum = np.square(np.abs(np.fft.rfft(audio[0, : 2 * RATE])))
    hz = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    expected = spectrum[(hz > BANDS_HZ[0] / 2 ** (1 / 6)) & (hz < BANDS_HZ[-1] * 2 ** (1 / 6))].sum() / RATE**2 / 2
    assert measured(audio).power.sum(axis=1)[1:39].mean() == pytest.approx(expected, rel=0.05)


def test_a_level_that_varies_slowly_is_followed() -> None:
    original = phrases()
    time = np.arange(original.shape[1]) / RATE
    wanted_db = -8 + 4 * np.sin(2 * np.pi * time / 6)
    sung = original * 10 ** (-wanted_db / 20).astype(np.float32)
    gain_db = match_level(measured(original).loudness(), measured(sung).loudness())
    out = np.concatenate(list(with_gain(blocks(sung), gain_db, RATE)), axis=1)
    assert out.shape == original.shape
    for start in np.arange(0.3, 12, 3):
        middle = slice(round(start * RATE), round((start + 1.4) * RATE))
        assert 20 * np.log10(out[0, middle].std() / original[0, middle].std()) == pytest.approx(0, abs=0.7)


def test_a_gain_over_time_is_bounded_and_interpolated_in_pauses() -> None:
    original = phrases()
    sung = original.copy()
    sung[:, 3 * RATE : 5 * RATE] *= 0.1  # one phrase is 20 dB softer
    gain_db = match_level(measured(original).loudness(), measured(sung).loudness())
    assert gain_db.max() <= 6.1 + 10 * np.log10(4 / 3.01) and gain_db.min() >= -0.1
    pause = gain_db[round(2.4 / 0.05) : round(2.8 / 0.05)]
    assert np.abs(np.diff(gain_db)).max() < 1.5 and np.all(np.diff(pause) >= -1e-9)


def test_a_silent_voice_gets_no_gain() -> None:
    silence = np.zeros(100)
    np.testing.assert_array_equal(match_level(np.ones(100), silence), 0)
    np.testing.assert_array_equal(match_level(np.zeros(0), np.zeros(0)), 0)
    nothing = Bands(np.zeros((100, len(BANDS_HZ))))
    np.testing.assert_array_equal(match_tone(nothing, nothing), 0)


def test_a_filter_has_the_gains_of_its_bands_and_does_not_shift() -> None:
    gain_db = np.interp(np.log(BANDS_HZ), np.log([500, 4000]), [-4.0, 4.0])
    for hz in (200.0, 2000.0, 8000.0):
        sine = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)[None].astype(np.float32)
        out = np.concatenate(list(equalized(blocks(sine), gain_db, RATE)), axis=1)
        expected = 10 ** (np.interp(np.log(hz), np.log([500, 4000]), [-4.0, 4.0]) / 20)
        assert out.shape == sine.shape
        np.testing.assert_allclose(out[0, 5000:-5000], expected * sine[0, 5000:-5000], atol=0.03)


def test_a_slope_of_the_tone_is_undone_and_its_formants_are_not() -> None:
    original, octaves = phrases(), np.log2(BANDS_HZ / 1000)
    slope = 1.2 * octaves
    sung = np.concatenate(list(equalized(blocks(original), -slope, RATE)), axis=1)
    found = match_tone(measured(original), measured(sung))
    inside = np.abs(octaves) < 2.5
    np.testing.assert_allclose(found[inside] - found[inside].mean(), slope[inside], atol=0.6)
    assert np.abs(found).max() <= 4.0
    formant = 6 * np.exp(-0.5 * ((octaves - 0.5) / 0.2) ** 2)
    sung = np.concatenate(list(equalized(blocks(original), formant, RATE)), axis=1)
    assert np.abs(match_tone(measured(original), measured(sung))).max() < 2.5


def test_bands_without_a_voice_do_not_change_the_tone() -> None:
    original = measured(phrases())
    dull = Bands(original.power * np.where(BANDS_HZ > 5000, 1e-7, 1.0))
    assert np.abs(match_tone(original, dull)).max() < 0.01
