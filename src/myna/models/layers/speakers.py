"""Speaker embeddings of one speaker, or of a mix whose weights may change with time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def embed_speaker(embedding: nn.Embedding, speaker: Tensor) -> Tensor:
    """Return the vectors that the networks are conditioned on.

    Args:
        embedding: one row per speaker.
        speaker: speaker indices (B,) long, or a weight of each speaker, (B, n_speakers, 1), or T where weights change.

    Returns:
        (B, speaker_channels, 1), or (B, speaker_channels, T).
    """
    if speaker.dim() == 1:
        embedded: Tensor = embedding(speaker)
        return embedded.unsqueeze(2)
    return embedding.weight.T @ speaker.to(embedding.weight.dtype)


def lowest_of(limits: Tensor, speaker: Tensor) -> Tensor:
    """Return the lowest limit of the speakers in a mix: (n_speakers,), speaker as in `embed_speaker`, to (B,)."""
    if speaker.dim() == 1:
        return limits[speaker]
    return torch.where(speaker.amax(2) > 0, limits, torch.inf).amin(1)
