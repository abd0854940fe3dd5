"""Contracts between the models and the code that uses them: records of tensors, protocols and abstract modules.

In shapes, B is the batch size, C channels, T frames and N samples. A contract is an abstract module rather than a
protocol if optimisers, Fabric or state dicts need an `nn.Module`.
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
    # Either speaker indices (B,), long, or the weights of a mix of speakers: (B, n_speakers, 1), or
    # (B, n_speakers, T) if the weights change with time.
    speaker: Tensor
    loudness: Tensor | None = None  # (B, T) dB; voices with a loudness embedding require it, others ignore it

    def to(self, device: torch.device | str) -> Conditions:
        loudness = None if self.loudness is None else self.loudness.to(device)
        return Conditions(
            self.content.to(device), self.f0.to(device), self.voiced.to(device), self.speaker.to(device), loudness
        )


@dataclass(frozen=True)
class Sampling:
    """Options of one call of `Synthesizer.generate`, in addition to the conditions."""

    noise: NoiseSource
    noise_scale: float | Tensor  # factor on the prior's standard deviation when sampling; 0 returns the mean
    # Replace f0 by the predicted f0, for voices that have an f0 predictor. An ONNX graph needs a boolean tensor, so
    # that the choice is made at run time.
    predict_f0: bool | Tensor = False


class Generated(NamedTuple):
    """Output of `Synthesizer.generate`."""

    audio: Tensor  # (B, 1, T * hop_length)
    f0: Tensor  # (B, T) Hz, given or predicted


class Synthesizer(Protocol):
    """Converts conditions to audio: a PyTorch network, an ONNX graph, or a wrapper around another synthesizer."""

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated: ...


class SynthesizerModule(nn.Module):
    """A `Synthesizer` that is a PyTorch network."""

    usual_noise_scale: float  # default of the tool that introduced this family

    @torch.inference_mode()
    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        return self.synthesize(conditions, sampling)

    def synthesize(self, conditions: Conditions, sampling: Sampling) -> Generated:
        """Do the work of `generate` outside inference mode, so that an exporter can trace it."""
        raise NotImplementedError

    def prune(self) -> None:
        """Delete the parts that are used only in training."""

    def fuse(self) -> None:
        """Prepare a trained network for generation: prune it and make it faster, without changing its output."""
        self.prune()
        fuse_weight_norm(self)


class TrainingInput(NamedTuple):
    """A batch of clips with their features, padded to T frames."""

    conditions: Conditions  # loudness is given; speakers are indices
    spectrogram: Tensor  # (B, n_fft / 2 + 1, T) linear magnitude
    lengths: Tensor  # (B,) number of real frames of each clip

    def to(self, device: torch.device | str) -> TrainingInput:
        return TrainingInput(self.conditions.to(device), self.spectrogram.to(device), self.lengths.to(device))


class Latents(NamedTuple):
    """Distributions of the latent variable on both sides of the flow."""

    posterior: Gaussian
    prior: Gaussian
    in_prior: Tensor  # (B, C, T) posterior sample, mapped by the flow to the prior's space
    mask: Tensor  # (B, 1, T) 1 on real frames


class TrainingOutput(NamedTuple):
    """Output of the forward pass in training, from which the synthesizer's losses are computed."""

    audio: Tensor  # (B, 1, N) audio of the segments
    subbands: Tensor | None  # (B, n_subbands, N / n_subbands)
    segment_starts: Tensor  # (B,) index of each segment's first frame
    latents: Latents | None = None  # None if the family has no latent variable
    f0_predicted: Tensor | None = None  # (B, 1, T) in units of `f0_predictor.log_pitch`; None without an f0 predictor
    f0_target: Tensor | None = None  # (B, 1, T)


class TrainableSynthesizer(SynthesizerModule):
    """A synthesizer that `myna.training` can train."""

    def set_bandwidths(self, bandwidth_hz: Mapping[int, float]) -> None:
        """Limit the output of each speaker index to the bandwidth of its recordings, if the family supports it."""

    def forward(self, batch: TrainingInput, segment_frames: int, noise: NoiseSource) -> TrainingOutput:
        """Synthesize a random segment of `segment_frames` from each clip."""
        raise NotImplementedError


@dataclass(frozen=True)
class DecoderConditions:
    """Inputs of a decoder in addition to the latent; a decoder ignores those that it does not use."""

    f0: Tensor  # (B, T) Hz; unvoiced frames are interpolated or 0, as in the training of the family
    speaker: Tensor | None = None  # (B, speaker_channels, 1 or T), T if it changes with time; None for a vocoder
    voiced: Tensor | None = None  # (B, T); None if voicing is not given
    bandwidth_hz: Tensor | None = None  # (B,) highest frequency of the output; None for no limit


class Waveform(NamedTuple):
    """Output of a decoder."""

    audio: Tensor  # (B, 1, N)
    subbands: Tensor | None = None  # (B, n_subbands, N / n_subbands), only from the multi-band decoder


class Decoder(Protocol):
    """A network that converts latent frames (B, latent_channels, T) to a waveform of T * hop_length samples."""

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform: ...

    def __call__(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform: ...


class DiscriminatorOutput(NamedTuple):
    """Output of one discriminator for a batch of signals."""

    score: Tensor  # (B, n_scores) trained towards 1 on recordings and 0 on synthesized audio
    feature_maps: list[Tensor]  # (B, C, ...) for each layer


class Discriminators(nn.Module):
    """All discriminators that are trained together with a synthesizer."""

    discriminators: nn.ModuleList

    def forward(self, audio: Tensor, bandwidth_hz: Tensor) -> list[DiscriminatorOutput]:
        """Score signals.

        Args:
            audio: (B, 1, N).
            bandwidth_hz: highest frequency that each recording contains, (B,).
        """
        raise NotImplementedError
