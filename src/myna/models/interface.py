"""What all synthesizers have in common, whatever is inside and whatever computes it: they sing."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Generated(NamedTuple):
    """What was sung."""

    audio: Tensor  # (B, 1, N)
    f0: Tensor  # (B, T) Hz


class Singer(Protocol):
    """Sings given content at a given pitch with a speaker's voice."""

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
        """Sing.

        Args:
            content: (B, content_channels, T).
            f0: Hz with the gaps filled, (B, T).
            voiced: true where there was a pitch, (B, T).
            speaker: rows of the speaker embedding, (B,) long; or how much of each row, which sums to 1:
                (B, n_speakers, 1), or (B, n_speakers, T) where it changes with time.
            loudness: dB, (B, T); needed where the voice has a loudness embedding, else unused.
            noise_scale: spread of the latent sample, where there is one; 0 is the mean voice.
            predict_f0: sing the pitch that the voice's own predictor finds likely, where it has one.

        Returns:
            Audio (B, 1, T * hop_length) and the f0 that it was sung with.
        """
        ...
