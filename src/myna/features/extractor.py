"""Extraction of the features on which the synthesizer is conditioned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.audio.resample import resample
from myna.config import VOICE_BOUNDS, Config, PitchBounds
from myna.errors import AudioError, ConfigError
from myna.features.content import SAMPLE_RATE as CONTENT_SAMPLE_RATE
from myna.features.content import ContentEncoder, load_encoder
from myna.features.content.hubert import Hubert
from myna.features.contour import transpose
from myna.features.expansion import expand
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import loudness
from myna.options import DEFAULT_F0_METHOD, ComputePrecision, F0Method


@dataclass(frozen=True)
class Features:
    """Features of a recording, on which the synthesizer is conditioned: T frames, one every `hop_length` samples.

    Frame t describes the samples from `t * hop_length` up to `(t + 1) * hop_length`. Unvoiced frames have an `f0` of 0;
    a separate field for voicing could contradict `f0`.
    """

    content: Tensor  # (C, T) phonetic content, independent of the speaker
    f0: Tensor  # (T,) Hz
    loudness: Tensor  # (T,) dB relative to full scale

    def __post_init__(self) -> None:
        lengths = {self.content.shape[-1], self.f0.shape[-1], self.loudness.shape[-1]}
        if len(lengths) != 1:
            raise ValueError(f"features must have one length, got {sorted(lengths)} frames")

    @property
    def n_frames(self) -> int:
        return self.f0.shape[-1]

    @property
    def voiced(self) -> Tensor:
        return self.f0 > 0

    @property
    def nbytes(self) -> int:
        return self.content.nbytes + self.f0.nbytes + self.loudness.nbytes

    def transposed(self, semitones: float) -> Features:
        return replace(self, f0=transpose(self.f0, semitones))


class FeatureExtractor:
    """Extract the features of recordings, in the same way for training and conversion.

    extractor = FeatureExtractor(config)
    features = extractor(audio)

    The extractor has no state between recordings. The encoder is loaded on first use.
    """

    def __init__(
        self,
        config: Config,
        f0_method: F0Method = DEFAULT_F0_METHOD,
        device: str = "cpu",
        precision: ComputePrecision = "fp32",
    ) -> None:
        """
        Args:
            precision: precision of encoders with HuBERT's architecture; the others always compute in float32.
        """
        self.config = config
        self.f0_method = f0_method
        self.device = device
        self.precision = precision

    @cached_property
    def encoder(self) -> ContentEncoder:
        """The content encoder of the voice.

        Raises:
            ConfigError: the encoder is unknown, or its number of channels does not fit the voice.
            AssetError, CheckpointError: the encoder's weights are unavailable or damaged.
        """
        name, channels = self.config.content_encoder, self.config.model.content_channels
        encoder = load_encoder(name, self.device)
        if encoder.channels != channels:
            raise ConfigError(
                f"the voice takes content of {channels} channels, and {name} has {encoder.channels}; "
                "set model.speech_encoder in config.json to the encoder that it was trained with"
            )
        if self.precision == "bf16" and isinstance(encoder, Hubert):
            encoder.to_bf16()
        return encoder

    @torch.no_grad()
    def content(self, audio: NDArray[np.float32], sample_rate: int, n_frames: int) -> Tensor:
        """Return the content of `audio` (N,), upsampled to the synthesizer's frame rate: (C, n_frames)."""
        content = self.encoder(torch.from_numpy(resample(audio, sample_rate, CONTENT_SAMPLE_RATE)))
        return expand(content, n_frames, self.config.content_expansion).cpu()

    @torch.no_grad()
    def __call__(
        self,
        audio: NDArray[np.float32],
        *,
        f0_method: F0Method | None = None,
        peak: float | None = None,
        bounds: PitchBounds = VOICE_BOUNDS,
    ) -> Features:
        """Return the features of `audio` (N,) at the voice's sample rate: N // hop_length frames, on the CPU.

        Args:
            f0_method: f0 estimator to use instead of `self.f0_method`.
            peak: reference level of the f0 estimator, if higher than the peak of `audio`; see `f0.framing.Estimator`.

        Raises:
            AudioError: the audio is shorter than a frame.
            ConfigError, CheckpointError: see `encoder`.
            AssetError, MissingExtraError: weights of the encoder, or a library or weights of the f0 method, are
                missing.
        """
        data = self.config.data
        n_frames = len(audio) // data.hop_length
        if not n_frames:
            raise AudioError(
                f"{len(audio)} samples are too few: a frame has {data.hop_length} "
                f"({1000 * data.hop_length / data.sample_rate:.0f} ms)"
            )
        estimate = F0_ESTIMATORS[f0_method or self.f0_method]
        f0 = estimate(audio, data.sample_rate, data.hop_length, self.device, peak=peak, bounds=bounds)
        return Features(
            content=self.content(audio, data.sample_rate, n_frames),
            f0=torch.from_numpy(f0),
            loudness=torch.from_numpy(loudness(audio, data.hop_length)),
        )
