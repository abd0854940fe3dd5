"""One speaker or several at once: rows of an embedding, or weights of all rows, which may change with time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def embed_speaker(embedding: nn.Embedding, speaker: Tensor) -> Tensor:
    """The vectors that the networks are conditioned on.

    Args:
        embedding: a row a speaker.
        speaker: rows (B,) long, or how much of each row, (B, n_speakers, 1), or (B, n_speakers, T) where it changes.

    Returns:
        (B, speaker_channels, 1), or (B, speaker_channels, T).
    """
    if speaker.dim() == 1:
        embedded: Tensor = embedding(speaker)
        return embedded.unsqueeze(2)
    return embedding.weight.T @ speaker.to(embedding.weight.dtype)


def lowest_of(limits: Tensor, speaker: Tensor) -> Tensor:
    """The lowest limit of those who take part: limits (n_speakers,), speaker as in `embed_speaker` -> (B,)."""
    if speaker.dim() == 1:
        return limits[speaker]
    return torch.where(speaker.amax(2) > 0, limits, torch.inf).amin(1)
