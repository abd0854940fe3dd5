"""Sizes of network components, derived from the keys of a `ModelConfig`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from myna.config import DataConfig, ModelConfig


@dataclass(frozen=True, kw_only=True)
class TransformerSizes:
    """Sizes of a transformer over the frames."""

    channels: int
    filter_channels: int  # hidden channels of the feed-forward layers
    n_heads: int
    n_layers: int
    kernel_size: int  # kernel size of the convolutions in the feed-forward layers
    dropout: float

    @classmethod
    def of(cls, model: ModelConfig) -> Self:
        """Return the sizes of the prior encoder's transformer."""
        return cls(
            channels=model.hidden_channels,
            filter_channels=model.filter_channels,
            n_heads=model.n_heads,
            n_layers=model.n_layers,
            kernel_size=model.kernel_size,
            dropout=model.dropout,
        )


@dataclass(frozen=True, kw_only=True)
class UpsamplingSizes:
    """Sizes of HiFi-GAN's upsampling network."""

    in_channels: int
    initial_channels: int  # channels before the first upsampling step; each step halves them
    rates: Sequence[int]
    kernel_sizes: Sequence[int]  # kernel sizes of the transposed convolutions
    resblock: Literal["1", "2"]
    resblock_kernel_sizes: Sequence[int]
    resblock_dilations: Sequence[Sequence[int]]

    @classmethod
    def of(cls, model: ModelConfig) -> Self:
        """Return the sizes for a decoder whose input is the latent."""
        return cls(
            in_channels=model.latent_channels,
            initial_channels=model.upsample_initial_channels,
            rates=model.upsample_rates,
            kernel_sizes=model.upsample_kernel_sizes,
            resblock=model.resblock,
            resblock_kernel_sizes=model.resblock_kernel_sizes,
            resblock_dilations=model.resblock_dilation_sizes,
        )


@dataclass(frozen=True, kw_only=True)
class VocoderSizes:
    """Sizes of a vocoder, whose upsampling network takes mel bands instead of latent channels."""

    upsampling: UpsamplingSizes
    # Whether the excitation is PC-NSF-HiFiGAN's: a single sine, added after the second upsampling step only.
    mini_nsf: bool = False
    noise_sigma: float = 0.0  # standard deviation of the noise that is added to the first layer's output

    @classmethod
    def of(cls, model: ModelConfig, data: DataConfig) -> Self:
        """Return the sizes of a vocoder in training."""
        upsampling = replace(UpsamplingSizes.of(model), in_channels=data.n_mels)
        return cls(upsampling=upsampling, mini_nsf=model.mini_nsf, noise_sigma=model.noise_sigma)


@dataclass(frozen=True, kw_only=True)
class IstftSizes:
    """Sizes of a decoder whose last layers are inverse STFTs."""

    upsampling: UpsamplingSizes
    n_fft: int
    hop_length: int
    n_subbands: int  # 1 for the single-band decoder

    @classmethod
    def of(cls, model: ModelConfig) -> Self:
        return cls(
            upsampling=UpsamplingSizes.of(model),
            n_fft=model.istft_n_fft,
            hop_length=model.istft_hop_length,
            n_subbands=model.n_subbands,
        )


@dataclass(frozen=True, kw_only=True)
class SourceFilterSizes:
    """Sizes of the source-filter decoder."""

    in_channels: int
    channels: int
    speaker_channels: int
    n_coarse_layers: int  # blocks at the frame rate
    n_fine_layers: int  # blocks at the rate of the predicted spectra
    causal: bool  # whether the predicted spectra depend on no later latent frames
    frame_samples: int  # samples per latent frame
    n_fft: int
    hop_length: int  # samples between the predicted spectra

    @classmethod
    def of(cls, model: ModelConfig, frame_samples: int) -> Self:
        return cls(
            in_channels=model.latent_channels,
            channels=model.hidden_channels,
            speaker_channels=model.speaker_channels,
            n_coarse_layers=model.n_layers,
            n_fine_layers=model.n_fine_layers,
            causal=model.causal,
            frame_samples=frame_samples,
            n_fft=model.istft_n_fft,
            hop_length=model.istft_hop_length,
        )


@dataclass(frozen=True, kw_only=True)
class ConvDenoiserSizes:
    """Sizes of a denoiser of gated depthwise convolutions, in addition to those in `RefinerSizes`."""

    kernel_size: int = 31
    expansion: int = 2  # channels of the depthwise convolutions, relative to those of the layers
    wide: bool = False  # whether condition and output each pass through two layers
    norm: bool = False  # whether each layer begins with layer normalisation
    learned_slopes: bool = False  # PReLU instead of SiLU


@dataclass(frozen=True, kw_only=True)
class RefinerSizes:
    """Sizes of a refiner: a diffusion or rectified flow over mel spectrograms."""

    content_channels: int
    condition_channels: int  # channels of the embedded conditions
    n_speakers: int  # 1 for no speaker embedding
    key_shift: bool  # whether the refiner is conditioned on the key shift of augmented clips
    n_mels: int
    channels: int  # channels of the residual layers
    n_layers: int
    conv: ConvDenoiserSizes | None = None  # None for the denoiser of DiffWave
    n_levels: int = 1000  # noise levels between the mel spectrogram and pure noise
    highest_beta: float = 0.02  # variance of the noise that a diffusion adds at its highest level
    max_k_step: int = (
        1000  # highest noise level of the training; below `n_levels`, the refiner needs a mel to start from
    )
