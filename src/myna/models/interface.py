"""Contracts between the models and the code that uses them: records of tensors, protocols and abstract modules.

B is the batch, C channels, T frames, N samples. Contracts of networks are abstract modules rather than protocols where
optimisers, Fabric and state dicts need an `nn.Module`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from myna.models.layers.convolution import fuse_weight_norm
from myna.models.layers.gaussian import Gaussian

NoiseName = Literal[
    "latent_noise", "starting_phases", "source_noise", "segment_starts", "pitch_jitter", "contour_scale"
]


class NoiseSource(Protocol):
    """Source of every random number that a model uses; implementations are in `models.noise`."""

    def normal(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return standard normal numbers of `shape` with the dtype and device of `like`."""
        ...

    def uniform(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return numbers from [0, 1) of `shape` with the dtype and device of `like`."""
        ...


class Conditions(NamedTuple):
    """Inputs that a synthesizer is conditioned on."""

    content: Tensor  # (B, content_channels, T)
    f0: Tensor  # (B, T) Hz, unvoiced gaps filled
    voiced: Tensor  # (B, T) bool
    # Speaker indices (B,) long; or a weight of each speaker, (B, n_speakers, 1), or T where weights change with time.
    speaker: Tensor
    loudness: Tensor | None = None  # (B, T) dB; required by voices with a loudness embedding, ignored by others

    def to(self, device: torch.device | str) -> Conditions:
        loudness = None if self.loudness is None else self.loudness.to(device)
        return Conditions(
            self.content.to(device), self.f0.to(device), self.voiced.to(device), self.speaker.to(device), loudness
        )


@dataclass(frozen=True)
class Sampling:
    """Choices of one call of `Synthesizer.generate` that are not conditions."""

    noise: NoiseSource
    noise_scale: float | Tensor  # standard deviation of the latent sample relative to the prior's; 0 is the mean
    # Replace f0 by the prediction of voices that have an f0 predictor. A boolean tensor decides at run time, as an
    # ONNX graph does.
    predict_f0: bool | Tensor = False


class Generated(NamedTuple):
    """Output of `Synthesizer.generate`."""

    audio: Tensor  # (B, 1, T * hop_length)
    f0: Tensor  # (B, T) Hz, given or predicted


class Synthesizer(Protocol):
    """Anything that turns conditions into audio: a PyTorch network, an ONNX graph, or a wrapper of another."""

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated: ...


class SynthesizerModule(nn.Module):
    """A `Synthesizer` that is a PyTorch network."""

    usual_noise_scale: float  # default of the tools that its family comes from

    @torch.inference_mode()
    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        return self.synthesize(conditions, sampling)

    def synthesize(self, conditions: Conditions, sampling: Sampling) -> Generated:
        """Compute `generate` outside inference mode, so that an exporter can trace it."""
        raise NotImplementedError

    def prune(self) -> None:
        """Delete the parts that only training uses."""

    def fuse(self) -> None:
        """Prepare a trained network for generating: delete what only training uses; the output stays the same."""
        self.prune()
        fuse_weight_norm(self)


class TrainingInput(NamedTuple):
    """A batch of clips with their features, padded to T frames."""

    conditions: Conditions  # with loudness; speakers as indices
    spectrogram: Tensor  # (B, n_fft / 2 + 1, T) linear magnitude
    lengths: Tensor  # (B,) real frames

    def to(self, device: torch.device | str) -> TrainingInput:
        return TrainingInput(self.conditions.to(device), self.spectrogram.to(device), self.lengths.to(device))


class Latents(NamedTuple):
    """Distributions of the latent variable on both sides of the flow."""

    posterior: Gaussian
    prior: Gaussian
    in_prior: Tensor  # (B, C, T) sample of the posterior, mapped by the flow into the prior's space
    mask: Tensor  # (B, 1, T) 1 on real frames


class TrainingOutput(NamedTuple):
    """Output of a training step's forward pass: input of the synthesizer's losses."""

    audio: Tensor  # (B, 1, N) of the segments
    subbands: Tensor | None  # (B, n_subbands, N / n_subbands)
    segment_starts: Tensor  # (B,) frames
    latents: Latents | None = None  # None without a latent variable
    f0_predicted: Tensor | None = None  # (B, 1, T) in units of `f0_predictor.log_pitch`; None without an f0 predictor
    f0_target: Tensor | None = None  # (B, 1, T)


class TrainableSynthesizer(SynthesizerModule):
    """A synthesizer that `myna.training` can train."""

    def set_bandwidths(self, bandwidth_hz: Mapping[int, float]) -> None:
        """Limit speakers, by index, to the bandwidth of their recordings, where the family supports a limit."""

    def forward(self, batch: TrainingInput, segment_frames: int, noise: NoiseSource) -> TrainingOutput:
        """Synthesize a random segment of `segment_frames` from each clip."""
        raise NotImplementedError


@dataclass(frozen=True)
class DecoderConditions:
    """Inputs of a decoder other than the latent; a decoder ignores those that it does not use."""

    f0: Tensor  # (B, T) Hz, gaps filled or 0 where unvoiced, as the family was trained
    speaker: Tensor | None = None  # (B, speaker_channels, 1), or T where it changes with time; None for a vocoder
    voiced: Tensor | None = None  # (B, T); None leaves voicing to the decoder
    bandwidth_hz: Tensor | None = None  # (B,) the output contains nothing above it; None is no limit


class Waveform(NamedTuple):
    """Output of a decoder."""

    audio: Tensor  # (B, 1, N)
    subbands: Tensor | None = None  # (B, n_subbands, N / n_subbands), of the multi-band decoder


class Decoder(Protocol):
    """A network that turns latent frames (B, latent_channels, T) into a waveform of T * hop_length samples."""

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform: ...

    def __call__(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform: ...


class DiscriminatorOutput(NamedTuple):
    """Output of one discriminator for a batch of signals."""

    score: Tensor  # (B, .) trained towards 1 on recordings and 0 on synthesized audio
    feature_maps: list[Tensor]  # (B, C, ...) of each layer


class Discriminators(nn.Module):
    """All discriminators of a training."""

    discriminators: nn.ModuleList

    def forward(self, audio: Tensor, bandwidth_hz: Tensor) -> list[DiscriminatorOutput]:
        """Score signals.

        Args:
            audio: (B, 1, N).
            bandwidth_hz: highest frequency that each recording contains, (B,).
        """
        raise NotImplementedError
