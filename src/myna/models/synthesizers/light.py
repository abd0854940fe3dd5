"""Synthesizer of the light voice: a source-filter decoder conditioned on content, f0, voicing, loudness and speaker."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders import DECODERS
from myna.models.interface import (
    Conditions,
    DecoderConditions,
    Generated,
    NoiseSource,
    Sampling,
    TrainableSynthesizer,
    TrainingInput,
    TrainingOutput,
)
from myna.models.layers.convolution import TimeConv1d
from myna.models.layers.excitation import LOWEST_HZ
from myna.models.layers.frames import segment_starts, slice_segments
from myna.models.layers.speakers import embed_speaker, lowest_of

# f0 and loudness are scaled: 0 is their MIDDLE value, roughly central for singing and speech; 1 is one octave, or
# DB_SPAN, above it.
MIDDLE_HZ = 220.0
MIDDLE_DB, DB_SPAN = -30.0, 15.0
LOWEST_DB = -90.0
N_CONTROLS = 3


class LightSynthesizer(TrainableSynthesizer):
    """The synthesizer of the light voice ("direct" in a configuration), which has no latent variable."""

    usual_noise_scale = 0.0  # there is no latent to sample
    highest_hz: Tensor

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.pitch_jitter = 0.0  # standard deviation in octaves; used only in training
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)
        self.content_projection, self.control_projection = (
            TimeConv1d(n_channels, model.latent_channels, 3, causal=model.causal)
            for n_channels in (model.content_channels, N_CONTROLS)
        )
        self.decoder = DECODERS[model.decoder](model, data)
        # Bandwidth of each speaker's recordings. Higher frequencies were not learned, and are not synthesized.
        self.register_buffer("highest_hz", torch.full((model.n_speakers,), data.sample_rate / 2))

    def forward(self, batch: TrainingInput, segment_frames: int, noise: NoiseSource) -> TrainingOutput:
        """Synthesize a random segment of `segment_frames` frames from each clip.

        The pulses have the correct f0, but the filters are conditioned on an f0 that is shifted by a random interval.
        Thus the filters learn to depend only weakly on f0, and a voice trained on speech can convert singing an octave
        higher.
        """
        given = batch.conditions
        assert given.loudness is not None
        like = torch.zeros((), device=batch.lengths.device)
        position = noise.uniform("segment_starts", batch.lengths.shape, like)
        starts = segment_starts(batch.lengths, segment_frames, position)
        content, f0, voiced, loudness = (
            slice_segments(one, starts, segment_frames)
            for one in (given.content, given.f0, given.voiced, given.loudness)
        )
        octaves = self.pitch_jitter * noise.normal("pitch_jitter", (len(f0), 1), f0)
        latent = self._latent(content, f0 * torch.exp2(octaves), voiced, loudness)
        speaker = embed_speaker(self.speaker_embedding, given.speaker)
        waveform = self.decoder(latent, DecoderConditions(f0, speaker, voiced), noise)
        return TrainingOutput(waveform.audio, waveform.subbands, starts)

    def synthesize(self, conditions: Conditions, sampling: Sampling) -> Generated:
        """Generate audio; `noise_scale` and `predict_f0` have no effect."""
        if conditions.loudness is None:
            raise ValueError("this voice is conditioned on loudness: give `loudness` in dB, (B, T)")
        f0, voiced = conditions.f0, conditions.voiced
        latent = self._latent(conditions.content, f0, voiced, conditions.loudness)
        speaker = embed_speaker(self.speaker_embedding, conditions.speaker)
        bandwidth_hz = lowest_of(self.highest_hz, conditions.speaker)
        waveform = self.decoder(latent, DecoderConditions(f0, speaker, voiced, bandwidth_hz), sampling.noise)
        return Generated(waveform.audio, f0)

    def set_bandwidths(self, bandwidth_hz: Mapping[int, float]) -> None:
        for speaker, hz in bandwidth_hz.items():
            self.highest_hz[speaker] = hz

    def _latent(self, content: Tensor, f0: Tensor, voiced: Tensor, loudness: Tensor) -> Tensor:
        """Project content, f0, voicing and loudness to latent frames, (B, latent_channels, T)."""
        controls = control_values(f0, voiced, loudness)
        latent: Tensor = self.content_projection(content) + self.control_projection(controls)
        return latent


def control_values(f0: Tensor, voiced: Tensor, loudness: Tensor) -> Tensor:
    """Scale f0 in Hz, voicing and loudness in dB, each (B, T), and join them: (B, N_CONTROLS, T)."""
    return torch.stack(
        [
            torch.log2(f0.clamp(min=LOWEST_HZ) / MIDDLE_HZ),
            voiced.to(f0.dtype),
            (loudness.clamp(min=LOWEST_DB) - MIDDLE_DB) / DB_SPAN,
        ],
        dim=1,
    )
