"""The posterior encoder of VITS (Kim, Kong and Son 2021): the target's recording, as a distribution; training only."""

from __future__ import annotations

from torch import Tensor, nn

from myna.config import ModelConfig
from myna.models.layers.gaussian import Gaussian
from myna.models.layers.wavenet import WaveNet

KERNEL_SIZE = 5
N_LAYERS = 16


class PosteriorEncoder(nn.Module):
    """Predict q(z | spectrogram, speaker)."""

    def __init__(self, model: ModelConfig, spectrogram_channels: int) -> None:
        super().__init__()
        self.input_conv = nn.Conv1d(spectrogram_channels, model.hidden_channels, kernel_size=1)
        self.wavenet = WaveNet(
            model.hidden_channels, KERNEL_SIZE, N_LAYERS, model.speaker_channels, model.use_depthwise_conv
        )
        self.projection = nn.Conv1d(model.hidden_channels, 2 * model.latent_channels, kernel_size=1)

    def forward(self, spectrogram: Tensor, speaker: Tensor, mask: Tensor) -> Gaussian:
        """
        Args:
            spectrogram: linear magnitude, (B, spectrogram_channels, T).
            speaker: (B, speaker_channels, 1).
            mask: 1 on real frames, (B, 1, T).

        Returns:
            Over (B, latent_channels, T); on padding the standard normal.
        """
        hidden = self.wavenet(self.input_conv(spectrogram) * mask, speaker, mask) * mask
        mean, log_std = (self.projection(hidden) * mask).chunk(2, dim=1)
        return Gaussian(mean, log_std)
