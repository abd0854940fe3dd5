"""An excerpt of a file equals the same samples of the whole file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from myna.audio import io
from myna.audio.excerpt import excerpt
from myna.errors import AudioError

RATE = 8000


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_part_equals_that_of_the_whole(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sound{suffix}"
    audio = np.random.default_rng(0).uniform(-0.9, 0.9, (2, 3 * RATE)).astype(np.float32)
    with io.Writer(path, RATE, channels=2) as writer:
        writer.write(audio)
    whole, _ = io.read(path, mono=False)
    assert np.array_equal(excerpt(path, 1234, 5000), whole[:, 1234:6234])
    assert np.array_equal(excerpt(path, 3 * RATE - 10, 100), whole[:, -10:])
    assert excerpt(path, 4 * RATE, 100).shape == (2, 0)


def test_formats_without_direct_access_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.ogg"
    with io.Writer(path, RATE) as writer:
        writer.write(np.zeros(RATE, np.float32))
    for wrong in (path, tmp_path / "missing.wav"):
        with pytest.raises(AudioError, match=wrong.name):
            excerpt(wrong, 0, 10)
