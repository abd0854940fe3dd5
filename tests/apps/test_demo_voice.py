"""`svc demo` with the bundled voice and phrase, as the README's first command runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.apps.cli import main
from myna.assets import BUNDLED_SONG as SONG
from myna.assets import find_voice
from myna.config import Config
from myna.evaluation.contours import compare_pitch
from myna.evaluation.evaluate import evaluate
from myna.evaluation.pairing import Pair
from myna.options import EvaluateOptions
from myna.storage.checkpoint import latest

VOICE = find_voice("joe")
ONLY_PITCH = EvaluateOptions(similarity=False, words=False, quality=False)


def test_the_phrase_is_in_tune_and_in_the_range_of_men(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SystemExit) as ended:
        main(["demo", "-d", "cpu"])
    assert not ended.value.code
    source, sung = Path("demo/song.wav"), Path("demo/song.out.wav")
    audio, rate = soundfile.read(sung)
    assert rate == 44100 and len(audio) == pytest.approx(soundfile.info(SONG).duration * rate, abs=1)
    heard = evaluate([Pair(sung, source)], options=ONLY_PITCH).files[0]
    assert heard.transpose == 0  # an octave lower would be below the range of songs
    # Where its first stretch begins and ends, the estimator hears ten frames of the source an octave too low; Harvest
    # and DIO hear 110 to 140 Hz there. The phrase itself lies above 100 Hz.
    source_f0 = np.where(heard.source_f0 < 95, 0, heard.source_f0)
    pitch = compare_pitch(source_f0, heard.converted_f0, heard.transpose)
    assert pitch["f0_close"] > 0.985
    assert pitch["f0_correlation"] > 0.99
    assert heard.scores["loudness_correlation"] > 0.9
    assert np.abs(audio).max() > 0.02
    assert "Listen: " in capsys.readouterr().out


def test_the_voice_is_a_light_one_and_has_a_pitch_range() -> None:
    weights = latest(VOICE)
    assert weights is not None and weights.stat().st_size < 20e6
    config = Config.read(VOICE / "config.json")
    assert config.content_encoder == "myna-content-1" and list(config.speakers) == ["joe"]
    assert 60 < config.pitch["joe"].median_hz < 130
    assert json.loads((VOICE / "config.json").read_text("utf-8"))["spk"] == {"joe": 0}
