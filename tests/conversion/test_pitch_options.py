"""The bundled voice sings the pitch, the formants and the loudness that the options ask for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyworld

from myna.assets import BUNDLED_SONG
from myna.audio.envelope import envelope_db
from myna.audio.io import read
from myna.config import Config
from myna.conversion.converter import Converter
from myna.conversion.settings import ConversionSettings
from myna.errors import ConfigError
from myna.features.f0 import F0_ESTIMATORS
from myna.features.pitch_edits import PitchEdit, PitchEdits, Shift, Silent, Unvoiced
from myna.options import ConversionOptions

RATE, HOP = 44100, 441


@pytest.fixture(scope="module")
def joe() -> Converter:
    return Converter.load("joe")


def tone(notes: np.ndarray) -> np.ndarray:
    """Harmonics up to 8 kHz of a pitch, given in Hz for each sample."""
    cycles = np.cumsum(notes) / RATE
    sound = sum(np.sin(2 * np.pi * k * cycles) / k for k in range(1, int(8000 / notes.max()) + 1))
    fade = np.clip(np.minimum(np.arange(len(notes)), np.arange(len(notes))[::-1]) / (0.03 * RATE), 0, 1)
    return (0.2 * sound / np.abs(sound).max() * fade).astype(np.float32)


def held(hz: float, seconds: float = 1.2) -> np.ndarray:
    return tone(np.full(round(seconds * RATE), hz))


def sing(voice: Converter, audio: np.ndarray, **options: Any) -> np.ndarray:
    return voice.convert(audio, RATE, ConversionOptions(**options)).audio


def pitch(audio: np.ndarray) -> np.ndarray:
    """The pitch of the middle of a sound in Hz, as SwiftF0 measures it."""
    f0 = F0_ESTIMATORS["swift"](audio, RATE, HOP)[20:-20]
    return f0[f0 > 0]


def cents(hz: np.ndarray, reference: float) -> float:
    return float(1200 * np.log2(np.median(hz) / reference))


def written(folder: Path, *edits: PitchEdit) -> Path:
    path = folder / "edits.json"
    path.write_text(PitchEdits(edits).text())
    return path


@pytest.mark.parametrize(
    ("hz", "autotune", "expected"),
    [(220, "Am", 220), (225, "A", 220), (225, "auto", 220), (225, "A:0.5", 222.5), (225, "Eb", 233.08)],
)
def test_notes_move_to_the_key(hz: float, autotune: str, expected: float, joe: Converter) -> None:
    sung = pitch(sing(joe, held(hz), autotune=autotune))
    assert abs(cents(sung, expected)) < 6


def test_the_key_of_the_result_counts_and_is_reported(joe: Converter) -> None:
    result = joe.convert(held(225), RATE, ConversionOptions(transpose=2.0, autotune="Eb"))
    assert abs(cents(pitch(result.audio), 261.63)) < 6  # 252.5 Hz is nearer to B, which is not in E flat
    assert result.summary.key == "Eb"
    assert joe.convert(held(225, 0.5), RATE).summary.key is None


@pytest.mark.parametrize("factor", [0.0, 2.0])
def test_the_depth_of_a_vibrato_is_multiplied(factor: float, joe: Converter) -> None:
    time = np.arange(2 * RATE) / RATE
    source = tone(220 * 2 ** (0.4 * np.sin(2 * np.pi * 5.5 * time) / 12))
    before, after = (np.ptp(np.log2(pitch(sing(joe, source, vibrato=vibrato))[20:-20])) for vibrato in (1, factor))
    assert after / before == pytest.approx(factor, abs=0.2)


def test_the_formants_move_and_the_pitch_stays(joe: Converter) -> None:
    song = read(BUNDLED_SONG, RATE)[0][RATE : 3 * RATE]
    plain = sing(joe, song)
    for semitones in (-4.0, 4.0):
        shifted = sing(joe, song, formant_shift=semitones)
        assert len(shifted) == len(plain)
        assert abs(moved_formants(plain, shifted) - semitones) < 0.6
        f0 = [F0_ESTIMATORS["swift"](audio, RATE, HOP) for audio in (plain, shifted)]
        both = (f0[0] > 0) & (f0[1] > 0)
        assert np.median(np.abs(1200 * np.log2(f0[0][both] / f0[1][both]))) < 10


def moved_formants(before: np.ndarray, after: np.ndarray) -> float:
    """The shift in semitones at which the spectral envelopes of two sounds correlate best, from 200 Hz to 5 kHz."""
    semitones = np.arange(0, 56, 0.2)
    envelopes, voiced = [], []
    for audio in (before, after):
        f0 = F0_ESTIMATORS["swift"](audio, RATE, HOP).astype(float)
        power = pyworld.cheaptrick(audio.astype(float), f0, np.arange(len(f0)) * HOP / RATE, RATE)
        bins = np.linspace(0, RATE / 2, power.shape[1])
        envelopes.append(np.stack([np.interp(200 * 2 ** (semitones / 12), bins, np.log(row)) for row in power]))
        voiced.append(f0 > 0)
    both = voiced[0] & voiced[1]
    first, second = envelopes[0][both], envelopes[1][both]

    def likeness(steps: int) -> float:
        one = standard(first[:, max(-steps, 0) : len(semitones) - max(steps, 0)])
        other = standard(second[:, max(steps, 0) : len(semitones) - max(-steps, 0)])
        return float((one * other).mean())

    return max(range(-35, 36), key=likeness) / 5


def standard(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)


def test_the_loudness_is_the_source_s_at_a_share_of_1(joe: Converter) -> None:
    song = read(BUNDLED_SONG, RATE)[0][: 3 * RATE]
    source = envelope_db(song, RATE)
    own, mixed = (envelope_db(sing(joe, song, loudness_mix=mix), RATE) for mix in (0.0, 1.0))
    loud = source > source.max() - 30
    assert np.abs(mixed - source)[loud].mean() < 0.5 < 1 < np.abs(own - source)[loud].mean()
    likeness = [np.corrcoef(level[loud], source[loud])[0, 1] for level in (own, mixed)]
    assert likeness[1] > max(likeness[0], 0.98)


def test_edits_are_sung(joe: Converter, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, Shift(0.3, 0.9, 3.0), Silent(1.0, 1.3), Unvoiced(1.5, 1.9), Shift(8.0, 9.0, 1.0))
    with caplog.at_level(logging.WARNING):
        sung = sing(joe, held(220, 2.2), pitch=path)
    f0 = F0_ESTIMATORS["swift"](sung, RATE, HOP)
    assert abs(cents(f0[35:85], 220 * 2 ** (3 / 12))) < 6
    assert abs(cents(f0[5:25], 220)) < 6
    assert np.abs(sung[round(1.02 * RATE) : round(1.28 * RATE)]).max() < 1e-6
    assert (f0[155:185] > 0).mean() < 0.3
    assert caplog.messages == ["pitch edits after the end of the recording (2.2 s) are ignored: 1"]


@pytest.mark.parametrize(
    ("options", "flag"),
    [({"autotune": "C"}, "--autotune"), ({"vibrato": 0.0, "formant_shift": 2.0}, "--vibrato and --formant-shift")],
)
def test_a_voice_without_pitch_refuses_the_options(options: dict[str, Any], flag: str) -> None:
    config = Config.parse({"data": {}, "model": {"f0": False}, "spk": {"alto": 0}})
    with pytest.raises(ConfigError, match=f"not conditioned on pitch; leave {flag} out"):
        ConversionSettings.resolve(config, Path("G_1.pth"), ConversionOptions(**options))
