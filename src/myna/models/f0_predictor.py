"""so-vits-svc's predictor of the target's f0 from the content, the speaker and the source's f0 contour.

The mean is subtracted from the source's contour, and in training the contour is also scaled by a random factor, so that
the network must infer the pitch level from the speaker. The predictor is useful for speech, but not for singing,
because it changes the melody.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.models.interface import NoiseSource
from myna.models.layers.transformer import CausalTransformer
from myna.models.sizes import TransformerSizes

LOWEST_SCALE, HIGHEST_SCALE = 0.8, 1.2  # range of the random factor that scales contours in training


def log_pitch(f0: Tensor) -> Tensor:
    """Convert f0 from Hz to units of 500 mel (0.2 to 2 for most voices); the shape is kept."""
    return 2595.0 * torch.log10(1.0 + f0 / 700.0) / 500


def pitch_hz(log_pitch: Tensor) -> Tensor:
    """Invert `log_pitch`."""
    return 700.0 * (torch.pow(10.0, log_pitch * 500 / 2595) - 1)


def contour(log_pitch: Tensor, voiced: Tensor) -> Tensor:
    """Subtract from each item its mean over the voiced frames; inputs and output are (B, T)."""
    voiced = voiced.to(log_pitch.dtype)
    mean = (log_pitch * voiced).sum(1, keepdim=True) / voiced.sum(1, keepdim=True).clamp(min=1)
    return log_pitch - mean


def random_scale(contour: Tensor, noise: NoiseSource) -> Tensor:
    """Scale the contour (B, T) of each item by a random factor."""
    position = noise.uniform("contour_scale", (contour.shape[0], 1), contour)
    return contour * (LOWEST_SCALE + (HIGHEST_SCALE - LOWEST_SCALE) * position)


class F0Predictor(nn.Module):
    """Predict the target's f0 in the units of `log_pitch`."""

    def __init__(self, sizes: TransformerSizes, speaker_channels: int) -> None:
        super().__init__()
        channels = sizes.channels
        self.input_conv = nn.Conv1d(channels, channels, kernel_size=3, padding=1)
        self.transformer = CausalTransformer(sizes)
        self.projection = nn.Conv1d(channels, 1, kernel_size=1)
        self.contour_conv = nn.Conv1d(1, channels, kernel_size=3, padding=1)
        self.speaker_projection = nn.Conv1d(speaker_channels, channels, kernel_size=1)

    def forward(self, hidden: Tensor, contour: Tensor, speaker: Tensor, mask: Tensor | None = None) -> Tensor:
        """
        Args:
            hidden: sum of the embeddings of content, voicing and, if used, loudness, (B, channels, T); receives no
                gradient.
            contour: the source's contour, as returned by the function `contour`, (B, T).
            speaker: speaker embedding, (B, speaker_channels, 1 or T); receives no gradient.
            mask: 1 on real frames and 0 on padding, (B, 1, T); None if no frame is padding.

        Returns:
            The predicted f0 in the units of `log_pitch`, (B, 1, T); 0 on padding.
        """
        hidden = hidden.detach() + self.speaker_projection(speaker.detach()) + self.contour_conv(contour.unsqueeze(1))
        hidden = self.input_conv(hidden if mask is None else hidden * mask)
        predicted: Tensor = self.projection(self.transformer(hidden))
        return predicted if mask is None else predicted * mask
