"""A patched file differs from the one before in the new samples only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.audio import io
from myna.audio.patching import patch
from myna.errors import AudioError

RATE = 8000


def test_all_but_the_parts_stays(tmp_path: Path) -> None:
    path, edited = tmp_path / "sound.wav", tmp_path / "edited.wav"
    tags = io.Tags(title="Phrase", comment="converted with myna")
    noise = np.random.default_rng(0).uniform(-1, 1, 10 * RATE).astype(np.float32)
    with io.Writer(path, RATE, tags=tags) as writer:
        writer.write(noise)
    before, _ = soundfile.read(path, dtype="int16")
    patch(edited, [(100, np.full(50, 0.5, np.float32)), (10 * RATE - 20, np.zeros(20, np.float32))], path)
    after, _ = soundfile.read(edited, dtype="int16")
    assert len(after) == len(before) and io.info(edited).tags == tags
    assert np.unique(after[100:150]).tolist() == [16384] and not after[-20:].any()
    rest = np.r_[0:100, 150 : 10 * RATE - 20]
    assert np.array_equal(after[rest], before[rest])
    patch(edited, [], path)
    assert np.array_equal(soundfile.read(edited, dtype="int16")[0], before)


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with io.Writer(path, RATE) as writer:
        writer.write(np.zeros(RATE, np.float32))
    before = path.read_bytes()

    def fail(_: Path) -> None:
        raise OSError("the disk is full")

    with pytest.raises(AudioError, match="the disk is full"):
        patch(path, [(0, np.ones(10, np.float32))], finish=fail)
    with pytest.raises(AudioError, match=r"missing\.wav"):
        patch(tmp_path / "missing.wav", [])
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
