"""VITS (Kim, Kong and Son 2021) conditioned on content and f0: a variational auto-encoder with a flow.

conversion   content, f0 ──► prior ──► sample ──► inverse flow ──► decoder ──► audio
                                                   speaker ▲          ▲ speaker, f0
training     spectrogram ──► posterior ──► sample ──► decoder ──► a segment of audio
                                             └──► flow ──► compared with the prior
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders import DECODERS
from myna.models.f0_predictor import F0Predictor, contour, log_pitch, pitch_hz, random_scale
from myna.models.flow import Flow
from myna.models.interface import (
    Conditions,
    DecoderConditions,
    Generated,
    Latents,
    NoiseSource,
    Sampling,
    TrainableSynthesizer,
    TrainingInput,
    TrainingOutput,
)
from myna.models.layers.frames import frame_mask, segment_starts, slice_segments
from myna.models.layers.speakers import embed_speaker
from myna.models.posterior import PosteriorEncoder
from myna.models.prior import PriorEncoder
from myna.models.sizes import TransformerSizes


class Vits(TrainableSynthesizer):
    """The synthesizer of so-vits-svc 4, so-vits-svc-fork and QuickVC."""

    usual_noise_scale = 0.4

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        sizes, hidden_channels = TransformerSizes.of(model), model.hidden_channels
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)
        self.loudness_embedding = nn.Linear(1, hidden_channels) if model.loudness_embedding else None
        self.content_projection = nn.Conv1d(model.content_channels, hidden_channels, kernel_size=5, padding=2)
        self.prior = PriorEncoder(sizes, model.latent_channels)
        self.decoder = DECODERS[model.decoder](model, data)
        self.posterior: PosteriorEncoder | None = PosteriorEncoder(
            data.spectrogram_channels,
            hidden_channels,
            model.latent_channels,
            model.speaker_channels,
            model.use_depthwise_conv,
        )
        self.flow = Flow.of(model)
        self.f0_predictor = F0Predictor(sizes, model.speaker_channels) if model.predict_f0 else None
        self.voiced_embedding = nn.Embedding(2, hidden_channels)

    def forward(self, batch: TrainingInput, segment_frames: int, noise: NoiseSource) -> TrainingOutput:
        """Encode whole clips, and decode a random segment of `segment_frames` frames from each."""
        if self.posterior is None:
            raise ValueError("this synthesizer was built for conversion: it has no posterior encoder")
        given = batch.conditions
        mask = frame_mask(batch.lengths, given.content.shape[2])
        speaker = embed_speaker(self.speaker_embedding, given.speaker)
        hidden = self._hidden(given) * mask

        f0_predicted = f0_target = None
        if self.f0_predictor is not None:
            f0_target = log_pitch(given.f0)
            scaled = random_scale(contour(f0_target, given.voiced), noise)
            f0_predicted = self.f0_predictor(hidden, scaled * mask[:, 0], speaker, mask)
            f0_target = f0_target.unsqueeze(1)

        prior = self.prior(hidden, given.f0, mask)
        posterior = self.posterior(batch.spectrogram, speaker, mask)
        latent = posterior.at(noise.normal("latent_noise", posterior.mean.shape, posterior.mean)) * mask
        position = noise.uniform("segment_starts", batch.lengths.shape, mask.new_zeros(()))
        starts = segment_starts(batch.lengths, segment_frames, position)
        waveform = self.decoder(
            slice_segments(latent, starts, segment_frames),
            DecoderConditions(slice_segments(given.f0, starts, segment_frames), speaker),
            noise,
        )
        return TrainingOutput(
            audio=waveform.audio,
            subbands=waveform.subbands,
            segment_starts=starts,
            latents=Latents(posterior, prior, self.flow(latent, speaker, mask), mask),
            f0_predicted=f0_predicted,
            f0_target=f0_target,
        )

    def synthesize(self, conditions: Conditions, sampling: Sampling) -> Generated:
        speaker = embed_speaker(self.speaker_embedding, conditions.speaker)
        hidden = self._hidden(conditions)
        f0 = self._f0(hidden, conditions, speaker, sampling.predict_f0)
        prior = self.prior(hidden, f0)
        latent = prior.at(sampling.noise.normal("latent_noise", prior.mean.shape, prior.mean), sampling.noise_scale)
        decoded = self.flow(latent, speaker, inverse=True)
        return Generated(self.decoder(decoded, DecoderConditions(f0, speaker), sampling.noise).audio, f0)

    def prune(self) -> None:
        self.posterior = None

    def _hidden(self, conditions: Conditions) -> Tensor:
        """Return the sum of the embeddings of content, voicing and, if used, loudness: (B, hidden_channels, T)."""
        voiced = self.voiced_embedding(conditions.voiced.long()).transpose(1, 2)
        hidden: Tensor = self.content_projection(conditions.content) + voiced
        if self.loudness_embedding is not None:
            if conditions.loudness is None:
                raise ValueError("this voice is conditioned on loudness: give `loudness` in dB, (B, T)")
            amplitude = (10 ** (conditions.loudness.unsqueeze(2) / 20)).to(hidden.dtype)
            hidden = hidden + self.loudness_embedding(amplitude).transpose(1, 2)
        return hidden

    def _f0(self, hidden: Tensor, conditions: Conditions, speaker: Tensor, predict: bool | Tensor) -> Tensor:
        """Return the predicted f0 if `predict` is true and there is a predictor, else the given f0: (B, T) in Hz."""
        if self.f0_predictor is None or predict is False:
            return conditions.f0
        source = contour(log_pitch(conditions.f0), conditions.voiced)
        predicted = pitch_hz(self.f0_predictor(hidden, source, speaker)).squeeze(1)
        return predicted if predict is True else torch.where(torch.as_tensor(predict), predicted, conditions.f0)
