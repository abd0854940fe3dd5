"""A vocoder in training: in place of a synthesizer, it computes audio from the clips' own mel spectrograms."""

from __future__ import annotations

import torch
from torch import Tensor

from myna.audio.spectrogram import MelSettings, spectrogram_to_mel
from myna.config import DataConfig, ModelConfig
from myna.models.interface import NoiseSource, TrainableSynthesizer, TrainingInput, TrainingOutput
from myna.models.layers.frames import segment_starts, slice_segments
from myna.models.sizes import VocoderSizes
from myna.models.vocoder import Vocoder


class TrainableVocoder(TrainableSynthesizer):
    """Adapter of a `Vocoder` to the training loop ("vocoder" in a configuration); it cannot convert recordings."""

    usual_noise_scale = 0.0

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.vocoder = Vocoder(VocoderSizes.of(model, data), MelSettings.of(data))

    def forward(self, batch: TrainingInput, segment_frames: int, noise: NoiseSource) -> TrainingOutput:
        """Synthesize a random segment of `segment_frames` frames from each clip."""
        like = torch.zeros((), device=batch.lengths.device)
        position = noise.uniform("segment_starts", batch.lengths.shape, like)
        starts = segment_starts(batch.lengths, segment_frames, position)
        spectrogram, f0 = (
            slice_segments(one, starts, segment_frames) for one in (batch.spectrogram, batch.conditions.f0)
        )
        waveform = self.vocoder.synthesize(spectrogram_to_mel(spectrogram, self.vocoder.mel), f0, noise)
        return TrainingOutput(waveform.audio, waveform.subbands, starts)

    @torch.inference_mode()
    def reconstruct(self, batch: TrainingInput, noise: NoiseSource) -> Tensor:
        mel = spectrogram_to_mel(batch.spectrogram, self.vocoder.mel)
        return self.vocoder.synthesize(mel, batch.conditions.f0, noise).audio
