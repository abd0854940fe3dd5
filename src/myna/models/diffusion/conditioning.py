"""Embedding of the inputs on which a refiner is conditioned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.models.interface import Conditions
from myna.models.layers.speakers import embed_speaker
from myna.models.sizes import RefinerSizes

_MEL_SCALE_HZ = 700.0  # the mel scale is logarithmic above this frequency (O'Shaughnessy 1987)
_KEY_SCALE = 5.0  # key shifts are divided by the largest shift of the augmented clips, in semitones


class RefinerConditioning(nn.Module):
    """Sum of the embeddings of content, f0, loudness, speaker and key shift, as in DDSP-SVC and so-vits-svc 4.1."""

    def __init__(self, sizes: RefinerSizes) -> None:
        super().__init__()
        channels = sizes.condition_channels
        self.content_embedding = nn.Linear(sizes.content_channels, channels)
        self.f0_embedding = nn.Linear(1, channels)
        self.loudness_embedding = nn.Linear(1, channels)
        self.key_shift_embedding = nn.Linear(1, channels, bias=False) if sizes.key_shift else None
        self.speaker_embedding = nn.Embedding(sizes.n_speakers, channels) if sizes.n_speakers > 1 else None

    def forward(self, conditions: Conditions, key_shift: Tensor | None = None) -> Tensor:
        """Return the condition of the denoiser, (B, condition_channels, T).

        Args:
            conditions: `loudness` is required; the speaker is ignored if the refiner has only one.
            key_shift: shift of an augmented clip in semitones, (B,); None for no shift.
        """
        if conditions.loudness is None:
            raise ValueError("a refiner is conditioned on loudness: give `loudness` in dB, (B, T)")
        amplitude = (10 ** (conditions.loudness / 20)).to(conditions.content.dtype)
        pitch = torch.log1p(conditions.f0 / _MEL_SCALE_HZ)
        embedded: Tensor = self.content_embedding(conditions.content.transpose(1, 2))
        embedded = embedded + self.f0_embedding(pitch.unsqueeze(2)) + self.loudness_embedding(amplitude.unsqueeze(2))
        if self.speaker_embedding is not None:
            embedded = embedded + embed_speaker(self.speaker_embedding, conditions.speaker).transpose(1, 2)
        if self.key_shift_embedding is not None and key_shift is not None:
            embedded = embedded + self.key_shift_embedding(key_shift[:, None, None] / _KEY_SCALE)
        return embedded.transpose(1, 2)
