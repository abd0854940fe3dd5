"""The posterior encoder of VITS (Kim, Kong and Son 2021), which maps spectrograms to latents in training."""

from __future__ import annotations

from torch import Tensor, nn

from myna.models.layers.gaussian import Gaussian
from myna.models.layers.wavenet import WaveNet

KERNEL_SIZE = 5
N_LAYERS = 16


class PosteriorEncoder(nn.Module):
    """Predict the latent distribution q(z | spectrogram, speaker)."""

    def __init__(
        self, spectrogram_channels: int, channels: int, latent_channels: int, speaker_channels: int, depthwise: bool
    ) -> None:
        super().__init__()
        self.input_conv = nn.Conv1d(spectrogram_channels, channels, kernel_size=1)
        self.wavenet = WaveNet(channels, KERNEL_SIZE, N_LAYERS, speaker_channels, depthwise)
        self.projection = nn.Conv1d(channels, 2 * latent_channels, kernel_size=1)

    def forward(self, spectrogram: Tensor, speaker: Tensor, mask: Tensor) -> Gaussian:
        """
        Args:
            spectrogram: linear magnitude, (B, spectrogram_channels, T).
            speaker: speaker embedding, (B, speaker_channels, 1).
            mask: 1 on real frames and 0 on padding, (B, 1, T).

        Returns:
            The distribution of latents (B, latent_channels, T), which is the standard normal on padding.
        """
        hidden = self.wavenet(self.input_conv(spectrogram) * mask, speaker, mask) * mask
        mean, log_std = (self.projection(hidden) * mask).chunk(2, dim=1)
        return Gaussian(mean, log_std)
