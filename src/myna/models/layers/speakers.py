"""Speaker embedding of a single speaker, or of a mix of speakers whose weights may change with time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def embed_speaker(embedding: nn.Embedding, speaker: Tensor) -> Tensor:
    """Return the speaker embedding of each item, on which the networks are conditioned.

    Args:
        embedding: table with one row per speaker.
        speaker: speaker indices (B,), long; or the weights of a mix of speakers, (B, n_speakers, 1), or
            (B, n_speakers, T) if the weights change with time.

    Returns:
        The embeddings, (B, speaker_channels, 1), or (B, speaker_channels, T) if the weights change with time.
    """
    if speaker.dim() == 1:
        embedded: Tensor = embedding(speaker)
        return embedded.unsqueeze(2)
    return embedding.weight.T @ speaker.to(embedding.weight.dtype)


def lowest_of(limits: Tensor, speaker: Tensor) -> Tensor:
    """Return the lowest limit among the speakers of each item, (B,).

    Args:
        limits: limit of each speaker, (n_speakers,).
        speaker: speaker indices or weights of a mix, as in `embed_speaker`.
    """
    if speaker.dim() == 1:
        return limits[speaker]
    return torch.where(speaker.amax(2) > 0, limits, torch.inf).amin(1)
