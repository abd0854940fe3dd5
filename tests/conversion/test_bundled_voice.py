"""The bundled voice on difficult sources: loud, with an offset, high, whispered, on one side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.assets import BUNDLED_SONG as SONG
from myna.audio.io import read
from myna.audio.preparation import without_rumble
from myna.conversion.converter import Converted, Converter
from myna.features.f0 import F0_ESTIMATORS
from myna.options import ConversionOptions

RATE = 44100
REST = np.zeros(RATE // 2, np.float32)


@pytest.fixture(scope="module")
def joe() -> Converter:
    return Converter.load("joe")


def note(hz: float, seconds: float = 1.0, level: float = 0.2) -> np.ndarray:
    """A tone with harmonics up to 8 kHz that fades in and out."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * k * hz * time) / k for k in range(1, int(8000 / hz) + 1))
    fade = np.clip(np.minimum(time, seconds - time) / 0.03, 0, 1)
    return (level * tone / np.abs(tone).max() * fade).astype(np.float32)


def level_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.square(audio, dtype=np.float64).mean() + 1e-12))


def sing(voice: Converter, audio: np.ndarray, **options: float) -> Converted:
    return voice.convert(audio.astype(np.float32), RATE, ConversionOptions(**options))


@pytest.mark.parametrize("kind", ["limited", "square", "beyond full scale"])
def test_a_loud_source_gives_no_sample_at_full_scale(kind: str, joe: Converter, tmp_path: Path) -> None:
    vowel = note(220, level=1.0)
    loud = {"limited": np.tanh(4 * vowel), "square": np.clip(8 * vowel, -1, 1), "beyond full scale": 3 * vowel}[kind]
    source = np.concatenate([REST, loud, REST]).astype(np.float32)
    sung, summary = sing(joe, source)
    assert 0.98 < np.abs(sung).max() < 1
    assert summary.turned_down_db > 1
    soundfile.write(tmp_path / "song.wav", source, RATE, "FLOAT")
    for name in ("sung.wav", "sung.mp3"):
        joe.convert_file(tmp_path / "song.wav", tmp_path / name)
        assert np.abs(read(tmp_path / name)[0]).max() < 0.99


def song() -> np.ndarray:
    audio = read(SONG, RATE)[0][: 6 * RATE]
    return 0.3 * audio / np.abs(audio).max()


def note_between_rests() -> np.ndarray:
    return np.concatenate([REST, REST, note(220, 2.0), REST, REST])


@pytest.mark.parametrize("offset", [-0.02, 0.3])
@pytest.mark.parametrize("source", [song, note_between_rests])
def test_an_offset_changes_no_sample(source: Callable[[], np.ndarray], offset: float, joe: Converter) -> None:
    clean, disturbed = sing(joe, source()).audio, sing(joe, source() + offset).audio
    assert np.abs(disturbed - clean).max() < 0.01 * np.abs(clean).max()


@pytest.mark.parametrize("kind", ["offset", "rumble"])
def test_with_offset_and_rumble_pauses_stay_silent(kind: str, joe: Converter) -> None:
    source = np.concatenate([REST, REST, note(220, 1.5), REST, REST])
    rumble = 0.2 * np.sin(2 * np.pi * 13 * np.arange(len(source)) / RATE)
    disturbed = sing(joe, source + (0.3 if kind == "offset" else rumble)).audio
    # Rumble that begins suddenly is a click, which is no pause.
    assert level_db(disturbed[RATE // 4 : RATE * 4 // 5]) < -90
    assert level_db(disturbed) == pytest.approx(level_db(sing(joe, source).audio), abs=0.2)


@pytest.mark.parametrize("side", [(1, 0), (0, 1), (1, -1)])
def test_a_voice_on_one_side_or_inverted_is_sung_as_in_the_middle(
    side: tuple[int, int], joe: Converter, tmp_path: Path
) -> None:
    mono = np.concatenate([REST, note(220), REST])
    soundfile.write(tmp_path / "stereo.wav", mono[:, None] * np.array(side), RATE, "FLOAT")
    joe.convert_file(tmp_path / "stereo.wav", tmp_path / "sung.flac", ConversionOptions(mark=False))
    assert np.abs(read(tmp_path / "sung.flac")[0] - sing(joe, mono).audio).max() < 2e-4


@pytest.mark.parametrize("hz", [1174.66, 1318.51])
@pytest.mark.parametrize("transpose", [0, -12, -24])
def test_a_high_note_is_sung(hz: float, transpose: float, joe: Converter) -> None:
    """Above C#6, it was sung as breath, even if it was shifted down."""
    sung, summary = sing(joe, note(hz), transpose=transpose)
    neighbour = sing(joe, note(1046.5), transpose=transpose or -12).audio
    middle = slice(RATE // 5, -RATE // 5)
    f0 = F0_ESTIMATORS["dio"](sung, RATE, 512)[20:-20]
    assert (f0 > 0).mean() > 0.9
    expected = hz * 2 ** ((transpose or -12) / 12)  # without a shift, an octave lower, as the summary says
    assert abs(1200 * np.log2(np.median(f0[f0 > 0]) / expected)) < 20
    assert abs(level_db(sung[middle]) - level_db(neighbour[middle])) < 6
    assert (summary.lowered_seconds > 0.8) == (transpose == 0)
    assert summary.raised_seconds == 0


def whispered(audio: np.ndarray) -> np.ndarray:
    """Put the spectral envelope of a recording on noise, at the same level."""
    rng, n = np.random.default_rng(0), 2048
    window, out = np.hanning(n), np.zeros(len(audio) + n)
    for start in range(0, len(audio) - n, n // 4):
        cepstrum = np.fft.irfft(np.log(np.abs(np.fft.rfft(audio[start : start + n] * window)) + 1e-6))
        cepstrum[40:-40] = 0
        noise = np.fft.rfft(rng.standard_normal(n) * window)
        envelope = np.exp(np.fft.rfft(cepstrum).real) / np.sqrt(np.mean(np.abs(noise) ** 2))
        out[start : start + n] += np.fft.irfft(noise * envelope) * window
    whisper = out[: len(audio)]
    return whisper * np.sqrt(np.square(audio).mean() / np.square(whisper).mean())


@pytest.mark.parametrize("kind", ["sung", "whispered"])
def test_the_level_of_the_result_follows_that_of_the_source(kind: str, joe: Converter) -> None:
    source = whispered(song()) if kind == "whispered" else song()
    hop = RATE // 20

    def levels(audio: np.ndarray) -> np.ndarray:
        blocks = audio[: len(audio) // hop * hop].reshape(-1, hop)
        return 10 * np.log10(np.square(blocks).mean(axis=1) + 1e-12)

    heard = np.concatenate(list(without_rumble([source.astype(np.float32)], RATE)))
    before, after = levels(heard), levels(sing(joe, source).audio)
    sounding = before > before.max() - 30
    assert abs(np.median((after - before)[sounding])) < 6
