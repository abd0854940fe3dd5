"""The synthesizer: a conditional variational auto-encoder with a flow, after VITS (Kim, Kong and Son 2021).

conversion   content, f0 ──► prior ──► sample ──► flow, inverted ──► decoder ──► audio
                                                    speaker ▲           ▲ speaker, f0
training     spectrogram ──► posterior ──► sample ──► decoder ──► a segment of audio
                                             └──► flow ──► to be likely under the prior
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders import DECODERS
from myna.models.f0_predictor import F0Predictor, contour, log_pitch, pitch_hz, random_scale
from myna.models.flow import Flow
from myna.models.interface import Generated
from myna.models.layers.convolution import fuse_weight_norm
from myna.models.layers.frames import frame_mask, random_starts, slice_segments
from myna.models.layers.gaussian import Gaussian
from myna.models.layers.speakers import embed_speaker
from myna.models.posterior import PosteriorEncoder
from myna.models.prior import PriorEncoder


@dataclass
class SynthesizerInput:
    """A batch of clips with their features, padded to T frames."""

    content: Tensor  # (B, content_channels, T)
    f0: Tensor  # (B, T) Hz, gaps filled
    voiced: Tensor  # (B, T)
    loudness: Tensor  # (B, T) dB
    speaker: Tensor  # (B,) long
    spectrogram: Tensor  # (B, n_fft / 2 + 1, T) linear magnitude
    lengths: Tensor  # (B,) frames that are real


class Latents(NamedTuple):
    """What the latent variable was taken for, from both sides."""

    posterior: Gaussian
    prior: Gaussian
    in_prior: Tensor  # (B, C, T) the posterior's sample as the prior should find it likely
    mask: Tensor  # (B, 1, T) 1 on real frames


class TrainingOutput(NamedTuple):
    """What the losses of the generator need."""

    audio: Tensor  # (B, 1, N) of the segments
    subbands: Tensor | None  # (B, n_subbands, N / n_subbands)
    segment_starts: Tensor  # (B,) frames
    latents: Latents | None = None  # None where there is no latent variable
    f0_predicted: Tensor | None = None  # (B, 1, T) in units of `log_pitch`; None where the model does not predict f0
    f0_target: Tensor | None = None  # (B, 1, T)


class Synthesizer(nn.Module):
    """Sing given content at a given pitch with a speaker's voice; a `Singer` that can be trained."""

    usual_noise_scale = 0.4  # of its own tools

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)
        self.loudness_embedding = nn.Linear(1, model.hidden_channels) if model.loudness_embedding else None
        self.content_projection = nn.Conv1d(model.content_channels, model.hidden_channels, kernel_size=5, padding=2)
        self.prior = PriorEncoder(model)
        self.decoder = DECODERS[model.decoder](model, data)
        self.posterior: PosteriorEncoder | None = PosteriorEncoder(model, data.spectrogram_channels)
        self.flow = Flow(model)
        self.f0_predictor = F0Predictor(model) if model.predict_f0 else None
        self.voiced_embedding = nn.Embedding(2, model.hidden_channels)

    def forward(
        self, batch: SynthesizerInput, segment_frames: int, generator: torch.Generator | None = None
    ) -> TrainingOutput:
        """Encode whole clips, and decode a random segment of `segment_frames` from each."""
        if self.posterior is None:
            raise ValueError("this synthesizer is for generating only: it has no posterior encoder")
        mask = frame_mask(batch.lengths, batch.content.shape[2])
        speaker = embed_speaker(self.speaker_embedding, batch.speaker)
        hidden = self._embed(batch.content, batch.voiced, batch.loudness) * mask

        f0_predicted = f0_target = None
        if self.f0_predictor is not None:
            f0_target = log_pitch(batch.f0)
            scaled = random_scale(contour(f0_target, batch.voiced), generator)
            f0_predicted = self.f0_predictor(hidden, scaled * mask[:, 0], speaker, mask)
            f0_target = f0_target.unsqueeze(1)

        prior = self.prior(hidden, batch.f0, mask)
        posterior = self.posterior(batch.spectrogram, speaker, mask)
        latent = posterior.sample(generator=generator) * mask
        starts = random_starts(batch.lengths, segment_frames, generator)
        waveform = self.decoder(
            slice_segments(latent, starts, segment_frames),
            slice_segments(batch.f0, starts, segment_frames),
            speaker,
            generator,
        )
        return TrainingOutput(
            audio=waveform.audio,
            subbands=waveform.subbands,
            segment_starts=starts,
            latents=Latents(posterior, prior, self.flow(latent, speaker, mask), mask),
            f0_predicted=f0_predicted,
            f0_target=f0_target,
        )

    @torch.inference_mode()
    def generate(
        self,
        content: Tensor,
        f0: Tensor,
        voiced: Tensor,
        speaker: Tensor,
        loudness: Tensor | None = None,
        *,
        noise_scale: float,
        predict_f0: bool = False,
        generator: torch.Generator | None = None,
    ) -> Generated:
        """Sing; see `Singer.generate`."""
        voice = embed_speaker(self.speaker_embedding, speaker)
        hidden = self._embed(content, voiced, loudness)
        if predict_f0 and self.f0_predictor is not None:
            f0 = pitch_hz(self.f0_predictor(hidden, contour(log_pitch(f0), voiced), voice)).squeeze(1)
        latent = self.prior(hidden, f0).sample(noise_scale, generator)
        waveform = self.decoder(self.flow(latent, voice, inverse=True), f0, voice, generator)
        return Generated(waveform.audio, f0)

    def fuse(self) -> None:
        """Make it lean, for generating only: weight norms become plain weights, and the posterior encoder goes."""
        self.posterior = None
        fuse_weight_norm(self)

    def _embed(self, content: Tensor, voiced: Tensor, loudness: Tensor | None) -> Tensor:
        """What is sung and how, without its pitch: (B, hidden_channels, T)."""
        hidden: Tensor = self.content_projection(content) + self.voiced_embedding(voiced.long()).transpose(1, 2)
        if self.loudness_embedding is not None:
            if loudness is None:
                raise ValueError("this voice follows loudness: give `loudness` in dB, (B, T)")
            amplitude = (10 ** (loudness.unsqueeze(2) / 20)).to(hidden.dtype)
            hidden = hidden + self.loudness_embedding(amplitude).transpose(1, 2)
        return hidden
