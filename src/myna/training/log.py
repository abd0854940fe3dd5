"""TensorBoard log of training: curves, spectrograms and audio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor

from myna.audio.headroom import fitting_gain

# Palette in perceptually uniform steps from dark to bright: seven colours of matplotlib's "magma" (CC0).
_COLOURS = (
    *((0, 0, 4), (44, 17, 95), (114, 31, 129), (183, 55, 121)),
    *((241, 96, 93), (254, 175, 119), (252, 253, 191)),
)


class Log:
    """Writer of a TensorBoard log.

    Args:
        first_step: number of steps before this run; entries for later steps, written by an interrupted run, are hidden.
    """

    def __init__(self, folder: Path, sample_rate: int, first_step: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=first_step + 1)
        self._sample_rate = sample_rate

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each named curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def mel(self, name: str, mel: Tensor, step: int) -> None:
        """Add a log-mel spectrogram (n_mels, T) as an image."""
        self._writer.add_image(name, mel_picture(mel), step, dataformats="HWC")

    def sound(self, name: str, audio: Tensor, step: int) -> None:
        """Add audio (1, N), attenuated if it exceeds full scale."""
        audio = audio.detach().float().cpu()
        audio = audio * fitting_gain(float(audio.abs().max()))
        self._writer.add_audio(name, audio, step, self._sample_rate)


def mel_picture(mel: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Convert a log-mel spectrogram (n_mels, T) to an image (n_mels, T, 3) in 0..255, with low bands at the bottom."""
    values = mel.detach().float().cpu().flip(0)
    low, high = values.min(), values.max()
    brightness = ((values - low) / (high - low).clamp(min=1e-5)).nan_to_num(0.0)
    position = torch.linspace(0, 1, len(_COLOURS)).numpy()
    channels = [np.interp(brightness.numpy(), position, channel) for channel in np.array(_COLOURS, dtype=float).T]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
