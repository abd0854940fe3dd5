"""Decoders: latents (and pitch) to audio. One a file; this is the table of them."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from myna.config import DataConfig, Decoder, ModelConfig
from myna.models.decoders.istft import IstftDecoder
from myna.models.decoders.mb_istft import MbIstftDecoder
from myna.models.decoders.ms_istft import MsIstftDecoder
from myna.models.decoders.nsf_hifigan import NsfHifiGan
from myna.models.decoders.nsf_snake_hifigan import NsfSnakeHifiGan
from myna.models.decoders.source_filter import SourceFilterDecoder

# Each makes a module that is called with latent (B, C, T), f0 in Hz (B, T), speaker (B, G, 1) and a generator, and
# returns a `Waveform`.
DECODERS: dict[Decoder, Callable[[ModelConfig, DataConfig], nn.Module]] = {
    "nsf-hifigan": NsfHifiGan,
    "nsf-snake-hifigan": NsfSnakeHifiGan,
    "istft": IstftDecoder,
    "ms-istft": MsIstftDecoder,
    "mb-istft": MbIstftDecoder,
    "source-filter": SourceFilterDecoder,
}
