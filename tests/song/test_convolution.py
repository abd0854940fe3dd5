"""Convolution in blocks equals that of the whole; a signal used twice is not kept."""

from __future__ import annotations

import numpy as np
import pytest

from myna.song.convolution import convolved, used_twice


@pytest.mark.parametrize("n_response", [1, 2, 700, 20_000])
@pytest.mark.parametrize("block", [100, 50_000])
@pytest.mark.parametrize(("channels", "responses"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_blocks_give_the_convolution_of_the_whole(n_response: int, block: int, channels: int, responses: int) -> None:
    random = np.random.default_rng(0)
    signal = random.normal(size=(channels, 50_000)).astype(np.float32)
    response = random.normal(size=(responses, n_response)) / n_response**0.5
    blocks = [signal[:, i : i + block] for i in range(0, signal.shape[1], block)]
    for lead in (0, n_response // 2):
        found = np.concatenate(list(convolved(blocks, response, lead)), axis=1)
        n_fft = 1 << 18
        whole = np.fft.irfft(np.fft.rfft(signal, n_fft) * np.fft.rfft(response, n_fft), n_fft)
        np.testing.assert_allclose(found, whole[:, lead : lead + signal.shape[1]], atol=1e-4)


def test_nothing_stays_nothing() -> None:
    assert list(convolved([], np.ones((1, 3)))) == []


def test_a_signal_is_used_twice_in_any_order() -> None:
    blocks = [np.full((1, 1), number, np.float32) for number in range(6)]
    one, other = used_twice(blocks)
    assert [float(next(one)[0, 0]) for _ in range(4)] == [0, 1, 2, 3]
    assert [float(block[0, 0]) for block in other] == [0, 1, 2, 3, 4, 5]
    assert [float(block[0, 0]) for block in one] == [4, 5]
