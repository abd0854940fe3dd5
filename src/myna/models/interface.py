"""Interfaces between the models and their users: records of tensors, protocols and abstract modules.

In shapes, B is the batch size, and C, T and N are the numbers of channels, frames and samples. An interface is an
abstract module instead of a protocol if optimisers, Fabric or state dicts require implementations that are
`nn.Module`s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from myna.config import RefinementMethod
from myna.models.layers.convolution import fuse_weight_norm
from myna.models.layers.gaussian import Gaussian

NoiseName = Literal[
    "latent_noise",
    "starting_phases",
    "source_noise",
    "segment_starts",
    "pitch_jitter",
    "contour_scale",
    "mel_noise",
    "noise_levels",
]


class NoiseSource(Protocol):
    """Source of all random numbers of a model; implementations are in `models.noise`."""

    def normal(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return a tensor of standard normal numbers, with the given shape and the dtype and device of `like`."""
        ...

    def uniform(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return a tensor of uniform numbers from [0, 1), with the given shape and the dtype and device of `like`."""
        ...


class Conditions(NamedTuple):
    """Inputs on which a synthesizer is conditioned."""

    content: Tensor  # (B, content_channels, T)
    f0: Tensor  # (B, T) Hz, interpolated over unvoiced frames
    voiced: Tensor  # (B, T) bool
    # Either speaker indices (B,), long, or the weights of a mix of speakers: (B, n_speakers, 1), or
    # (B, n_speakers, T) if the weights change with time.
    speaker: Tensor
    loudness: Tensor | None = None  # (B, T) dB; required by voices conditioned on loudness, ignored by others

    def to(self, device: torch.device | str) -> Conditions:
        loudness = None if self.loudness is None else self.loudness.to(device)
        return Conditions(
            self.content.to(device), self.f0.to(device), self.voiced.to(device), self.speaker.to(device), loudness
        )

    def after(self, n_frames: int) -> Conditions:
        """Return the conditions without the first `n_frames` frames."""
        if not n_frames:
            return self
        changes = self.speaker.dim() == 3 and self.speaker.shape[2] > 1
        return Conditions(
            self.content[..., n_frames:],
            self.f0[:, n_frames:],
            self.voiced[:, n_frames:],
            self.speaker[..., n_frames:] if changes else self.speaker,
            None if self.loudness is None else self.loudness[:, n_frames:],
        )


@dataclass(frozen=True)
class Sampling:
    """Options of one call of `Synthesizer.generate`, apart from the conditions."""

    noise: NoiseSource
    noise_scale: float | Tensor  # factor on the prior's standard deviation; 0 gives the prior's mean
    # Whether to replace f0 by the predicted f0; no effect on voices without an f0 predictor. In an ONNX graph, a
    # boolean tensor makes this choice at run time.
    predict_f0: bool | Tensor = False


class Generated(NamedTuple):
    """Output of `Synthesizer.generate`."""

    audio: Tensor  # (B, 1, T * hop_length)
    f0: Tensor  # (B, T) Hz, given or predicted


class Synthesizer(Protocol):
    """Generator of audio from conditions: a PyTorch network, an ONNX graph, or a wrapper around another synthesizer."""

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated: ...


class SynthesizerModule(nn.Module):
    """A `Synthesizer` that is a PyTorch network."""

    usual_noise_scale: float  # default noise scale of the tool that introduced this family

    @torch.inference_mode()
    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        return self.synthesize(conditions, sampling)

    def synthesize(self, conditions: Conditions, sampling: Sampling) -> Generated:
        """Generate audio like `generate`, but without inference mode, so that an exporter can trace the call."""
        raise NotImplementedError

    def prune(self) -> None:
        """Delete the parts of the network that are used only in training."""

    def fuse(self) -> None:
        """Prune a trained network and fuse its weight norms, so that it generates the same output faster."""
        self.prune()
        fuse_weight_norm(self)


@dataclass(frozen=True)
class RefinerSampling:
    """Options of one call of `Refiner.refine`, apart from the conditions."""

    noise: NoiseSource
    k_step: int  # noise level from which the refinement starts, 0 to the refiner's `max_k_step`
    speedup: int = 10  # noise levels per step of the solver
    method: RefinementMethod | None = None  # solver; None for the refiner's usual one


class Refiner(Protocol):
    """A model that makes a mel spectrogram cleaner: it adds noise up to a level, and removes noise step by step.

    Mel spectrograms are natural logarithms, (B, n_mels, T).
    """

    def refine(self, conditions: Conditions, mel: Tensor | None, sampling: RefinerSampling) -> Tensor:
        """Return a refined mel spectrogram; with `k_step` 0, this is `mel` itself.

        Args:
            conditions: inputs of the refiner; `loudness` is required.
            mel: the mel spectrogram to refine; None starts from noise alone.

        Raises:
            ValueError: `k_step` is above the levels that the refiner was trained for, `mel` is None but the refiner was
                not trained to start from noise alone, or the solver is not one of this kind of refiner.
        """
        ...


class TrainingInput(NamedTuple):
    """A batch of clips with their features, padded to T frames."""

    conditions: Conditions  # loudness is present; speakers are indices
    spectrogram: Tensor  # (B, n_fft / 2 + 1, T) linear magnitude
    lengths: Tensor  # (B,) number of real frames of each clip

    def to(self, device: torch.device | str) -> TrainingInput:
        return TrainingInput(self.conditions.to(device), self.spectrogram.to(device), self.lengths.to(device))


class Latents(NamedTuple):
    """Distributions of the latent variable on both sides of the flow, and a posterior sample."""

    posterior: Gaussian
    prior: Gaussian
    in_prior: Tensor  # (B, C, T) posterior sample, which the flow has mapped to the prior's space
    mask: Tensor  # (B, 1, T) 1 on real frames and 0 on padding


class TrainingOutput(NamedTuple):
    """Output of the forward pass in training, from which the synthesizer's losses are computed."""

    audio: Tensor  # (B, 1, N) audio of the segments
    subbands: Tensor | None  # (B, n_subbands, N / n_subbands), only from the multi-band decoder
    segment_starts: Tensor  # (B,) index of each segment's first frame
    latents: Latents | None = None  # None if the family has no latent variable
    f0_predicted: Tensor | None = None  # (B, 1, T) in units of `f0_predictor.log_pitch`; None without an f0 predictor
    f0_target: Tensor | None = None  # (B, 1, T) in the same units; None without an f0 predictor


class TrainableSynthesizer(SynthesizerModule):
    """A synthesizer that `myna.training` can train."""

    def set_bandwidths(self, bandwidth_hz: Mapping[int, float]) -> None:
        """Limit each speaker's output to the bandwidth of that speaker's recordings, if the family supports a limit.

        Args:
            bandwidth_hz: bandwidth by speaker index.
        """

    def reconstruct(self, batch: TrainingInput, noise: NoiseSource) -> Tensor:
        """Synthesize whole clips from their own features, for validation: (B, 1, N)."""
        return self.generate(batch.conditions, Sampling(noise, self.usual_noise_scale)).audio

    def forward(self, batch: TrainingInput, segment_frames: int, noise: NoiseSource) -> TrainingOutput:
        """Synthesize a random segment of `segment_frames` frames from each clip."""
        raise NotImplementedError


@dataclass(frozen=True)
class DecoderConditions:
    """Inputs of a decoder, apart from the latent; each decoder ignores those that it does not use."""

    f0: Tensor  # (B, T) Hz; unvoiced frames are interpolated or 0, as in the family's training data
    speaker: Tensor | None = None  # (B, speaker_channels, 1 or T), T if it changes with time; None for a vocoder
    voiced: Tensor | None = None  # (B, T) bool; None if voicing is not given separately
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
    feature_maps: list[Tensor]  # one (B, C, ...) per layer


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
