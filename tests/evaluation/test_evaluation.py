"""Evaluation of conversions whose quality is known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from myna.audio.io import Writer
from myna.errors import AudioError
from myna.evaluation import evaluate as module
from myna.evaluation.evaluate import Evaluation, evaluate
from myna.evaluation.pairing import Pair
from myna.evaluation.speaker import VoiceEncoder
from myna.evaluation.words import Transcript
from myna.options import EvaluateOptions

RATE = 22050
PITCH_ONLY = EvaluateOptions(similarity=False, words=False, quality=False)


def sung(semitones: float = 0, gain: float = 1, brightness: float = 1) -> NDArray[np.float32]:
    """Two seconds of a voice-like glide with vibrato and a pause in the middle."""
    times = np.arange(2 * RATE) / RATE
    f0 = 200 * 2 ** (times / 4 + np.sin(2 * np.pi * 5 * times) / 40 + semitones / 12)
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    voice = sum(np.sin(number * phase) / number**brightness for number in range(1, 12))
    envelope = np.where(np.abs(times - 1) < 0.15, 0, 0.05 + 0.05 * np.sin(2 * np.pi * times) ** 2)
    return (gain * envelope * voice).astype(np.float32)


def write(path: Path, audio: NDArray[np.float32]) -> Path:
    with Writer(path, RATE) as writer:
        writer.write(audio)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "a.wav", sung())


def test_a_clean_shift_keeps_pitch_voicing_and_loudness(tmp_path: Path, source: Path) -> None:
    converted = write(tmp_path / "a.out.wav", sung(semitones=5, gain=0.5, brightness=1.5))
    evaluation = evaluate([Pair(converted, source)], options=PITCH_ONLY)
    (file,) = evaluation.files
    assert file.transpose == 5
    assert file.scores["f0_correlation"] > 0.99
    assert file.scores["f0_close"] > 0.98
    assert file.scores["f0_rmse_cents"] < 20
    assert file.scores["voicing_error"] < 0.05
    assert file.scores["loudness_correlation"] > 0.98
    assert len(file.source_f0) == len(file.converted_f0) == 200
    assert not evaluation.not_measured
    # For measures that compare with the source, the source bound is perfect.
    assert evaluation.summary["f0_correlation"].source == 1
    assert evaluation.summary["f0_rmse_cents"].source == 0


def test_a_conversion_with_another_melody_scores_low(tmp_path: Path, source: Path) -> None:
    converted = write(tmp_path / "a.out.wav", np.ascontiguousarray(sung()[::-1]))
    (file,) = evaluate([Pair(converted, source)], options=PITCH_ONLY).files
    assert file.scores["f0_correlation"] < 0
    assert file.scores["f0_close"] < 0.4


def test_a_file_of_another_length_fails_and_the_others_are_measured(tmp_path: Path, source: Path) -> None:
    longer = write(tmp_path / "b.wav", np.tile(sung(), 2))
    text = tmp_path / "c.wav"
    text.write_text("not sound")
    evaluation = evaluate([Pair(longer, source), Pair(text, source), Pair(source, source)], options=PITCH_ONLY)
    assert [file.pair.converted for file in evaluation.files] == [source]
    assert "b.wav lasts 4.0 s" in evaluation.failures[0]
    assert "c.wav" in evaluation.failures[1]
    with pytest.raises(AudioError, match=r"lasts 4\.0 s"):
        evaluate([Pair(longer, source)], options=PITCH_ONLY)


@pytest.fixture
def evaluation(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluation:
    """Evaluation by fakes: an untrained encoder, and recogniser and DNSMOS whose results depend on the peak level."""

    class Recogniser:
        def __init__(self, folder: Path | None, language: str | None) -> None:
            assert (folder, language) == (None, None)

        def __call__(self, audio: NDArray[np.float32], language: str | None = None) -> Transcript:
            loud = np.abs(audio).max() > 0.1
            assert language == (None if loud else "en"), "a conversion has its source's language"
            return Transcript("ten letters" if loud else "ten betters", "en")

    monkeypatch.setattr(module.speaker, "load_voice_encoder", lambda: VoiceEncoder().eval())
    monkeypatch.setattr(module.words, "Transcriber", Recogniser)
    monkeypatch.setattr(module.quality, "load_dnsmos", lambda: "dnsmos")
    monkeypatch.setattr(
        module.quality, "rate", lambda session, audio: {"dnsmos_ovr": float(3 + np.abs(audio).max().round(1))}
    )
    targets = [write(tmp_path / "target" / f"{count}.wav", sung(count, gain=1.5)) for count in range(3)]
    converted = write(tmp_path / "a.out.wav", sung(gain=0.3))
    assert np.abs(sung()).max() > 0.1 > np.abs(sung(gain=0.3)).max()
    return evaluate([Pair(converted, source)], target=targets)


def test_each_measure_has_its_bounds(evaluation: Evaluation) -> None:
    summary = evaluation.summary
    assert list(summary) == [key for key in module.MEASURES if key in summary]
    assert summary["character_error_rate"].converted == pytest.approx(1 / 11)
    assert (summary["character_error_rate"].source, summary["character_error_rate"].target) == (0, None)
    quality = summary["dnsmos_ovr"]
    assert quality.source is not None and quality.target is not None
    assert quality.converted < quality.source < quality.target
    similarity = summary["speaker_similarity"]
    assert similarity.source is not None and similarity.target is not None
    assert -1 <= similarity.converted <= 1 + 1e-6
    assert len(evaluation.target_scores) == 3


def test_held_out_recordings_set_the_target_bound(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.speaker, "load_voice_encoder", lambda: VoiceEncoder().eval())
    known, unknown = (write(tmp_path / f"{name}.wav", sung(3)) for name in ("known", "unknown"))
    options = EvaluateOptions(words=False, quality=False)
    evaluation = evaluate([Pair(source, source)], target=[known], held_out=[unknown], options=options)
    assert evaluation.target_scores == {unknown: {"speaker_similarity": pytest.approx(1)}}
    # A single recording cannot be compared with others.
    alone = evaluate([Pair(source, source)], target=[known], options=options)
    assert alone.summary["speaker_similarity"].target is None


def test_missing_packages_are_reported_and_the_rest_is_measured(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.assets.package_folder", lambda name: None)
    monkeypatch.setattr(module.quality, "package_folder", lambda name: None)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    module.speaker.load_voice_encoder.cache_clear()
    module.quality.load_dnsmos.cache_clear()
    evaluation = evaluate([Pair(source, source)], target=[source])
    assert evaluation.summary["f0_correlation"].converted == pytest.approx(1)
    assert "pip install --no-deps Resemblyzer" in evaluation.not_measured["speaker similarity"]
    assert "pip install 'myna[eval]'" in evaluation.not_measured["DNSMOS"]
    assert "pip install 'myna[eval]'" in evaluation.not_measured["character error rate"]
