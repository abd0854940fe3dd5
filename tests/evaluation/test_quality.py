"""DNSMOS gets its input and converts its output like the authors' code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myna.assets import package_folder
from myna.evaluation.quality import load_dnsmos, rate
from myna.evaluation.recording import Recording

SPEECH = Path(__file__).parents[2] / "examples" / "recordings" / "ljspeech" / "LJ001-0003.flac"


class FakeNetwork:
    """A network that returns the first sample of its window and records its inputs."""

    def __init__(self) -> None:
        self.windows: list[np.ndarray] = []

    def run(self, _outputs: None, inputs: dict[str, np.ndarray]) -> Any:
        (window,) = inputs["input_1"]
        self.windows.append(window)
        return [np.full((1, 3), window[0])]


def test_windows_of_nine_seconds_start_every_second() -> None:
    network = FakeNetwork()
    audio = np.repeat(np.arange(12, dtype=np.float32), 16000)  # second k holds the value k
    rate(network, audio)
    assert [len(window) for window in network.windows] == [144160] * 3
    assert [window[0] for window in network.windows] == [0, 1, 2]


def test_short_audio_is_repeated_to_fill_a_window() -> None:
    network = FakeNetwork()
    audio = np.random.default_rng(0).normal(size=80000).astype(np.float32)
    rate(network, audio)
    np.testing.assert_array_equal(network.windows[0][80000:144160], audio[:64160])


def test_ratings_follow_the_authors_parabolas() -> None:
    scores = rate(FakeNetwork(), np.full(144160, 3, dtype=np.float32))
    assert scores["dnsmos_ovr"] == pytest.approx(-0.06766283 * 9 + 1.11546468 * 3 + 0.04602535)
    assert list(scores) == ["dnsmos_sig", "dnsmos_bak", "dnsmos_ovr"]


@pytest.mark.skipif(package_folder("speechmos") is None, reason="the extra 'eval' is not installed")
def test_noise_lowers_the_background_rating_of_real_speech() -> None:
    audio = Recording.read(SPEECH).audio[:72080]
    noisy = audio + 0.03 * np.random.default_rng(0).normal(size=len(audio)).astype(np.float32)
    clean, dirty = rate(load_dnsmos(), audio), rate(load_dnsmos(), noisy)
    assert dirty["dnsmos_bak"] < clean["dnsmos_bak"] - 1
    assert dirty["dnsmos_ovr"] < clean["dnsmos_ovr"] - 0.5
