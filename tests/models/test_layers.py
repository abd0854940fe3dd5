"""Layers equal direct implementations of their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from myna.models.layers import convolution, transformer
from myna.models.layers.frames import frame_mask, segment_starts, slice_segments
from myna.models.layers.snake import AntiAliasedSnake
from myna.models.prior import pitch_bins
from myna.models.sizes import TransformerSizes

SIZES = TransformerSizes(channels=8, filter_channels=16, n_heads=2, n_layers=2, kernel_size=3, dropout=0.0)


@pytest.mark.parametrize("block", [3, 512])
def test_relative_attention_follows_shaws_definition(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "QUERY_BLOCK", block)
    torch.manual_seed(0)
    attention = transformer.RelativeAttention(channels=8, n_heads=2, dropout=0.0)
    x = torch.randn(1, 8, 11)
    query, key, value = (
        conv(x)[0].reshape(2, 4, 11).mT for conv in (attention.query, attention.key, attention.value)
    )  # (H, T, D)
    expected = torch.zeros(2, 11, 4)
    for head in range(2):
        for i in range(11):
            offsets = [j - i if abs(j - i) <= 4 else None for j in range(11)]
            keys = [attention.relative_keys[0, o + 4] if o is not None else torch.zeros(4) for o in offsets]
            values = [attention.relative_values[0, o + 4] if o is not None else torch.zeros(4) for o in offsets]
            scores = torch.stack([query[head, i] @ (key[head, j] + keys[j]) for j in range(11)]) / math.sqrt(4)
            weights = scores.softmax(0)
            expected[head, i] = sum(weights[j] * (value[head, j] + values[j]) for j in range(11))
    expected = attention.output(expected.mT.reshape(1, 8, 11))
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize("block", [3, 512])
def test_a_causal_transformer_does_not_depend_on_the_future(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "QUERY_BLOCK", block)
    torch.manual_seed(0)
    network = transformer.CausalTransformer(SIZES)
    x = torch.randn(1, 8, 12)
    changed = x.clone()
    changed[..., 7:] += 1
    torch.testing.assert_close(network(x)[..., :7], network(changed)[..., :7])
    assert not torch.allclose(network(x)[..., 7:], network(changed)[..., 7:])


@pytest.mark.parametrize("channels", [1, 6])
def test_fast_convolutions_give_the_same_output(channels: int) -> None:
    torch.manual_seed(0)
    for fast, plain in (
        (convolution.Conv1d(channels, 4, 7, padding=9, dilation=3), nn.Conv1d(channels, 4, 7, padding=9, dilation=3)),
        (convolution.ConvTranspose1d(channels, 4, 8, stride=4, padding=2), nn.ConvTranspose1d(channels, 4, 8, 4, 2)),
    ):
        plain.load_state_dict(fast.state_dict())
        x = torch.randn(2, channels, 50)
        with torch.no_grad():  # where the fast path is used
            torch.testing.assert_close(fast(x), plain(x), rtol=1e-5, atol=1e-5)


def test_snake_is_x_plus_sine_squared_where_nothing_aliases() -> None:
    activation = AntiAliasedSnake(2)
    nn.init.constant_(activation.alpha, math.log(0.5))
    nn.init.constant_(activation.beta, math.log(2.0))
    x = torch.sin(torch.arange(400) * 0.05).expand(1, 2, -1)
    expected = x + torch.sin(0.5 * x).square() / 2.0
    torch.testing.assert_close(activation(x), expected, rtol=0, atol=5e-3)


def test_pitch_bins_cover_the_range_of_voices() -> None:
    bins = pitch_bins(torch.tensor([-50.0, 0.0, 50.0, 220.0, 440.0, 1100.0, 4000.0]))
    assert bins.tolist() == [1, 1, 1, 60, 122, 255, 255]
    assert (pitch_bins(torch.linspace(50, 1100, 500)).diff() >= 0).all()


def test_segments_begin_at_their_starts() -> None:
    signal = torch.arange(24.0).reshape(2, 1, 12)
    cut = slice_segments(signal, torch.tensor([3, 0]), 4)
    assert cut[:, 0].tolist() == [[3, 4, 5, 6], [12, 13, 14, 15]]
    assert slice_segments(signal, torch.tensor([0, 0]), 99).shape == (2, 1, 12)


def test_starts_leave_room_for_the_segment() -> None:
    lengths = torch.tensor([5, 20, 8]).repeat(200)
    starts = segment_starts(lengths, 8, torch.rand(600, generator=torch.Generator().manual_seed(0)))
    assert (starts >= 0).all()
    assert (starts[1::3] <= 12).all() and starts[1::3].max() > 9
    assert not starts[0::3].any() and not starts[2::3].any()
    assert frame_mask(torch.tensor([2]), 4).tolist() == [[[1, 1, 0, 0]]]
