"""Power spectra of a recording do not depend on its blocks, and a tone has its power in its bin."""

from __future__ import annotations

import numpy as np
import pytest

from myna.song.frames import PowerFrames


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_the_frames_do_not_depend_on_the_blocks(block: int, centered: bool) -> None:
    audio = np.random.default_rng(0).normal(size=(2, 333)).astype(np.float32)
    whole, parts = (PowerFrames(16, centered=centered) for _ in range(2))
    expected = np.concatenate([whole.push(audio), whole.finish()])
    pushed = [parts.push(audio[:, i : i + block]) for i in range(0, 333, block)]
    np.testing.assert_allclose(np.concatenate([*pushed, parts.finish()]), expected, rtol=1e-5)
    assert len(expected) == -(-333 // 16) + centered


def test_a_tone_has_its_power_in_its_bin_and_channels_add_up() -> None:
    tone = np.cos(2 * np.pi * 8 * np.arange(256) / 64).astype(np.float32)
    power = PowerFrames(32, centered=False).push(np.stack([tone, tone]))
    assert (power.argmax(axis=1) == 8).all()
    np.testing.assert_allclose(power[:, 8], 2 * 16**2, rtol=1e-5)


def test_nothing_has_no_frames() -> None:
    assert PowerFrames(4, centered=True).finish().shape == (0, 5)
