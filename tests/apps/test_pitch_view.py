"""The data of a pitch editor describe the pitch that is sung."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from apps.tiny_voice import CONFIG, RATE, BandEnergies
from myna.apps.actions.pitch import PitchView, pitch_view
from myna.config import Config
from myna.conversion.converter import Converter
from myna.features.pitch_edits import PitchEdits, Shift
from myna.models.synthesizers.vits import Vits
from myna.options import ConversionOptions
from myna.voice import Voice


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> Converter:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    torch.manual_seed(0)
    config = Config.parse(CONFIG)
    return Converter(Voice(config, Vits(config.model, config.data).eval(), Path("G_1.pth")))


def test_the_view_has_the_sung_pitch_notes_and_a_spectrogram(converter: Converter, tmp_path: Path) -> None:
    hz = np.repeat([220.0, 261.63, 329.63], RATE // 2)
    tone = sum(np.sin(2 * np.pi * k * np.cumsum(hz) / RATE) / k for k in range(1, 10))
    soundfile.write(tmp_path / "song.wav", 0.1 * tone, RATE)
    (tmp_path / "edits.json").write_text(PitchEdits((Shift(0.5, 1.0, -1.0),)).text())
    options = ConversionOptions(transpose=12.0, pitch=tmp_path / "edits.json")

    view = PitchView.model_validate_json(pitch_view(converter, tmp_path / "song.wav", options).model_dump_json())

    assert view.seconds == 1.5 and view.transpose == 12
    assert [note.pitch for note in view.notes] == pytest.approx([69, 71, 76], abs=0.15)
    assert [note.start for note in view.notes] == pytest.approx([0, 0.5, 1.0], abs=0.05)
    middles = (np.arange(len(view.f0)) + 0.5) * view.frame_seconds
    inside = (middles > 0.55) & (middles < 0.95)
    ratio = np.array(view.f0)[inside] / np.array(view.unedited_f0)[inside]
    np.testing.assert_allclose(12 * np.log2(ratio), -1, atol=0.02)
    picture = view.spectrogram
    levels = np.frombuffer(base64.b64decode(picture.levels), np.uint8).reshape(picture.rows, picture.columns)
    row = np.argmax(levels[: 2 * 52, 10])  # below the overtones
    assert picture.lowest_note + row / picture.rows_per_semitone == pytest.approx(69, abs=0.5)
