"""The scale on which refiners work: natural logarithms of the mel spectrogram, mapped from [-12, 2] to [-1, 1]."""

from __future__ import annotations

from torch import Tensor

# Range of so-vits-svc 4.1 and DDSP-SVC. Their mel spectrograms are at least ln 1e-5 = -11.5.
LOWEST, HIGHEST = -12.0, 2.0


def scaled(mel: Tensor) -> Tensor:
    """Map the natural logarithm of a mel spectrogram to the refiners' scale."""
    return (mel - LOWEST) / (HIGHEST - LOWEST) * 2 - 1


def unscaled(mel: Tensor) -> Tensor:
    """Map a mel spectrogram on the refiners' scale to the natural logarithm."""
    return (mel + 1) / 2 * (HIGHEST - LOWEST) + LOWEST
