"""Decoders, which compute audio from latent frames (and f0). `DECODERS` lists those selected by a configuration."""

from __future__ import annotations

from collections.abc import Callable

from myna.config import DataConfig, DecoderName, ModelConfig
from myna.models.decoders.istft import IstftDecoder
from myna.models.decoders.mb_istft import MbIstftDecoder
from myna.models.decoders.ms_istft import MsIstftDecoder
from myna.models.decoders.nsf_hifigan import NsfHifiGan, NsfSnakeHifiGan
from myna.models.decoders.source_filter import SourceFilterDecoder
from myna.models.interface import Decoder
from myna.models.sizes import IstftSizes, SourceFilterSizes, UpsamplingSizes

DECODERS: dict[DecoderName, Callable[[ModelConfig, DataConfig], Decoder]] = {
    "nsf-hifigan": lambda model, data: NsfHifiGan(UpsamplingSizes.of(model), data.sample_rate, model.speaker_channels),
    "nsf-snake-hifigan": lambda model, data: NsfSnakeHifiGan(
        UpsamplingSizes.of(model), data.sample_rate, model.speaker_channels
    ),
    "istft": lambda model, data: IstftDecoder(IstftSizes.of(model)),
    "ms-istft": lambda model, data: MsIstftDecoder(IstftSizes.of(model)),
    "mb-istft": lambda model, data: MbIstftDecoder(IstftSizes.of(model)),
    "source-filter": lambda model, data: SourceFilterDecoder(
        SourceFilterSizes.of(model, data.hop_length), data.sample_rate
    ),
}
