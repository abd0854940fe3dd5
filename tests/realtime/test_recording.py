"""Recordings of a session, and a file in place of the sound card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.apps.actions.live import LiveSession, record_to
from myna.audio import io
from myna.audio.marking.tags import statements
from myna.realtime.paced_files import PacedFile
from realtime.simulated_card import Delay


@pytest.mark.parametrize("mark", [True, False])
def test_a_session_is_recorded_and_its_sound_is_marked(mark: bool, tmp_path: Path) -> None:
    rate = 16000
    noise = (0.1 * np.random.default_rng(0).standard_normal(2 * rate)).astype(np.float32)
    soundfile.write(tmp_path / "sung.wav", noise, rate, "FLOAT")
    card = PacedFile(tmp_path / "sung.wav")
    recorder = record_to(tmp_path / "session", card, "alto (G_1.pth)", mark)
    # The long reserve prevents gaps on a busy computer.
    session = LiveSession(Delay(rate, 800), card, block_seconds=0.05, reserve_seconds=0.8, recorder=recorder)
    with session:
        next(report for report in session.news() if card.is_done)
    heard, converted, output = (io.read(path)[0] for path in recorder.paths)
    assert statements(recorder.paths[0]) == []
    for path in recorder.paths[1:]:
        assert "live conversion" in statements(path)[0] and "voice: alto (G_1.pth)" in statements(path)[0]
    # The recording begins when the devices have settled.
    start = int(np.argmax(np.correlate(noise, heard[:2000], "valid")))
    assert np.abs(heard[:rate] - noise[start : start + rate]).max() < 1e-4
    if not mark:
        delay = int(np.argmax(np.correlate(converted[: rate // 2], heard[1000:3000], "valid"))) - 1000
        assert delay == pytest.approx(800, abs=2)
    played = np.concatenate(card.played)
    assert len(output) == len(played)
    assert (np.abs(output - played).max() < 1e-4) is not mark
