"""An anti-aliased periodic activation (Snake: Ziyin, Hartwig and Ueda 2020; anti-aliasing: BigVGAN, Lee et al. 2022).

A nonlinearity generates overtones, and overtones above half the sample rate alias to inharmonic noise. The activation
is therefore applied at twice the sample rate, between an upsampling and a downsampling filter.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATIO = 2
TAPS = 12
HALF_WIDTH = 0.6  # half-width of the filter's transition band, relative to the original sample rate


def lowpass_filter() -> Tensor:
    """Return the taps of a windowed-sinc low-pass filter with unit gain at 0 Hz, (1, 1, TAPS).

    The Kaiser window's beta follows from the stop-band attenuation that TAPS taps can reach (Kaiser 1974).
    """
    attenuation = 2.285 * (TAPS // 2 - 1) * math.pi * 4 * HALF_WIDTH / RATIO + 7.95
    window = torch.kaiser_window(TAPS, periodic=False, beta=0.1102 * (attenuation - 8.7))
    taps = window * torch.sinc((torch.arange(TAPS) - (TAPS - 1) / 2) / RATIO)
    return (taps / taps.sum()).reshape(1, 1, TAPS)


class AntiAliasedSnake(nn.Module):
    """Compute x + sin(alpha x)^2 / beta at twice the sample rate; log alpha and log beta are learned per channel."""

    RADIUS = TAPS // RATIO  # receptive field in samples on either side; each filter contributes half
    lowpass: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("lowpass", lowpass_filter(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation: (B, C, N) to (B, C, N)."""
        channels = x.shape[1]
        lowpass = self.lowpass.expand(channels, -1, -1)
        x = F.pad(x, (TAPS // RATIO - 1, TAPS // RATIO - 1), mode="replicate")
        # Cut off the first and last outputs of the transposed convolution, which depend on the padding.
        edge = TAPS - RATIO + (TAPS - RATIO) // 2
        x = F.conv_transpose1d(x, lowpass * RATIO, stride=RATIO, groups=channels)[..., edge:-edge]
        x = x + torch.sin(x * self.alpha.exp()[:, None]).square() / (self.beta.exp()[:, None] + 1e-9)
        x = F.pad(x, (TAPS // 2 - 1, TAPS // 2), mode="replicate")
        return F.conv1d(x, lowpass, stride=RATIO, groups=channels)
