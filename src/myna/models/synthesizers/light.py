"""The light synthesizer: no latent variable; what is sung, how high and how loud goes straight to the decoder.

content, f0, voicing, loudness ──► decoder ──► audio
                         speaker ───▲
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders import DECODERS
from myna.models.interface import Generated
from myna.models.layers import draws
from myna.models.layers.excitation import LOWEST_HZ
from myna.models.layers.frames import random_starts, slice_segments
from myna.models.layers.speakers import embed_speaker, lowest_of
from myna.models.synthesizers.vits import SynthesizerInput, TrainingOutput

# Where the controls are 0, and what makes them 1: rough middles of singing and speech.
MIDDLE_HZ = 220.0
MIDDLE_DB, DB_SPAN = -30.0, 15.0
LOWEST_DB = -90.0
N_CONTROLS = 3


class LightSynthesizer(nn.Module):
    """Sing given content at a given pitch with a speaker's voice; the contract of `Synthesizer`."""

    usual_noise_scale = 0.0  # there is no latent to spread
    highest_hz: Tensor

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.pitch_jitter = 0.0  # octaves, standard deviation; in training only
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)
        self.content_projection = nn.Conv1d(model.content_channels, model.latent_channels, kernel_size=3, padding=1)
        self.control_projection = nn.Conv1d(N_CONTROLS, model.latent_channels, kernel_size=3, padding=1)
        self.decoder = DECODERS[model.decoder](model, data)
        # What a speaker's recordings hold nothing of was never learned, and is not sung.
        self.register_buffer("highest_hz", torch.full((model.n_speakers,), data.sample_rate / 2))

    def forward(
        self, batch: SynthesizerInput, segment_frames: int, generator: torch.Generator | None = None
    ) -> TrainingOutput:
        """Sing a random segment of `segment_frames` from each clip.

        The filters are told a pitch that is some semitones off, the pulses the right one: so the filters learn to lean
        on it lightly, and a voice that only spoke can sing an octave higher.
        """
        starts = random_starts(batch.lengths, segment_frames, generator)
        content, f0, voiced, loudness = (
            slice_segments(one, starts, segment_frames)
            for one in (batch.content, batch.f0, batch.voiced, batch.loudness)
        )
        octaves = self.pitch_jitter * draws.normal((len(f0), 1), f0, generator)
        latent = self._embed(content, f0 * torch.exp2(octaves), voiced, loudness)
        speaker = embed_speaker(self.speaker_embedding, batch.speaker)
        waveform = self.decoder(latent, f0, speaker, generator, voiced)
        return TrainingOutput(waveform.audio, waveform.subbands, starts)

    @torch.inference_mode()
    def generate(
        self,
        content: Tensor,
        f0: Tensor,
        voiced: Tensor,
        speaker: Tensor,
        loudness: Tensor | None = None,
        *,
        noise_scale: float = usual_noise_scale,
        predict_f0: bool = False,
        generator: torch.Generator | None = None,
    ) -> Generated:
        """Sing; see `Singer.generate`. There is no latent to spread, and no pitch is predicted."""
        if loudness is None:
            raise ValueError("this voice follows loudness: give `loudness` in dB, (B, T)")
        latent = self._embed(content, f0, voiced, loudness)
        voice, highest_hz = embed_speaker(self.speaker_embedding, speaker), lowest_of(self.highest_hz, speaker)
        waveform = self.decoder(latent, f0, voice, generator, voiced, highest_hz)
        return Generated(waveform.audio, f0)

    def fuse(self) -> None:
        """Nothing to do: it is as lean as it was trained."""

    def _embed(self, content: Tensor, f0: Tensor, voiced: Tensor, loudness: Tensor) -> Tensor:
        """(B, latent_channels, T)"""
        controls = torch.stack(
            [
                torch.log2(f0.clamp(min=LOWEST_HZ) / MIDDLE_HZ),
                voiced.to(f0.dtype),
                (loudness.clamp(min=LOWEST_DB) - MIDDLE_DB) / DB_SPAN,
            ],
            dim=1,
        )
        embedded: Tensor = self.content_projection(content) + self.control_projection(controls)
        return embedded
