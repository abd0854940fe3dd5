"""Separation with Spleeter's two-stem model (Hennequin et al. 2020): a mask on the STFT of the song.

The network estimates the vocals' share of the power at each time and frequency. The song is processed in pieces of
frames. Each piece is computed with `REACH_FRAMES` frames before and after it, almost the whole receptive field.
Therefore, the positions of the borders change the result by less than -60 dB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from myna.assets import BUNDLED_SEPARATOR
from myna.audio.slicing import windows
from myna.errors import CheckpointError
from myna.models.separators.unet import N_BINS, N_CHANNELS, REACH_FRAMES, STRIDE, TwoStems
from myna.song.separation.interface import Samples
from myna.storage.quantization import unpacked

SAMPLE_RATE = 44100
N_FFT = 4096
HOP_LENGTH = 1024
# The network covers frequencies up to 11 kHz. Above, the mask is the mean over the network's highest frequencies,
# without the very highest ones, which are affected by the zero padding.
_TOP_BINS, _EDGE_BINS = 64, 8
# Longest piece in frames, without the frames before and after it: 24 s.
_PIECE_FRAMES = 1024
_OVERLAP = N_FFT // HOP_LENGTH - 1  # number of earlier frames that overlap the first samples of a frame
_WINDOW_POWER = 1.5  # sum of the squared Hann windows at each sample, for this overlap


class Spleeter:
    """`Separator` with Spleeter's two-stem model."""

    name = "spleeter"
    identity = "spleeter-2stems-1"
    sample_rate = SAMPLE_RATE

    def __init__(self, network: TwoStems, device: str = "cpu", piece_frames: int = _PIECE_FRAMES) -> None:
        """
        Args:
            piece_frames: length of the longest piece, a multiple of `STRIDE`. Longer pieces are faster and need more
                memory.
        """
        self.network = network.to(device).eval()
        self._window = torch.hann_window(N_FFT, device=device)
        self._piece_frames = piece_frames

    @torch.inference_mode()
    def vocals(self, song: Iterable[Samples], n_samples: int) -> Iterator[Samples]:
        """Yield the vocals of a song; see `Separator.vocals`."""
        # Frame t begins at sample (t - _OVERLAP) * HOP_LENGTH, so every sample is in the same number of frames.
        n_frames = -(-n_samples // HOP_LENGTH) + _OVERLAP
        n_pieces = -(-n_frames // self._piece_frames)
        piece = -(-n_frames // n_pieces // STRIDE) * STRIDE
        ranges = [
            ((first - REACH_FRAMES - _OVERLAP) * HOP_LENGTH, (first + piece + REACH_FRAMES) * HOP_LENGTH)
            for first in range(0, n_frames, piece)
        ]
        held = np.zeros((N_CHANNELS, _OVERLAP * HOP_LENGTH), np.float32)
        position = -_OVERLAP * HOP_LENGTH
        for samples in windows(song, ranges):
            found = self._piece(torch.from_numpy(samples).to(self._window.device)).cpu().numpy()
            found[:, : held.shape[1]] += held
            held = found[:, piece * HOP_LENGTH :]
            yield found[:, max(-position, 0) : min(n_samples - position, piece * HOP_LENGTH)]
            position += piece * HOP_LENGTH

    def _piece(self, samples: Tensor) -> Tensor:
        """Return the contribution of the central frames of `samples` (2, n) to the vocals, without the context."""
        spectrum = torch.stft(samples, N_FFT, HOP_LENGTH, window=self._window, center=False, return_complex=True)
        spectrum = spectrum.transpose(1, 2)  # (2, T, N_FFT / 2 + 1)
        share = self.network(spectrum[None, ..., :N_BINS].abs())[0]
        inside = slice(REACH_FRAMES, -REACH_FRAMES)
        return self._added(_extended(share[:, inside]) * spectrum[:, inside])

    def _added(self, spectrum: Tensor) -> Tensor:
        """Overlap-add the frames with this STFT (2, T, N_FFT / 2 + 1): (2, (T + _OVERLAP) * HOP_LENGTH)."""
        frames = torch.fft.irfft(spectrum, N_FFT) * (self._window / _WINDOW_POWER)
        parts = frames.unflatten(-1, (-1, HOP_LENGTH))
        shifted = (F.pad(parts[:, :, i], (0, 0, i, _OVERLAP - i)) for i in range(_OVERLAP + 1))
        return sum(shifted, start=torch.zeros(())).flatten(1)


def _extended(share: Tensor) -> Tensor:
    """Extend a mask from N_BINS frequencies to all frequencies, (2, T, N_FFT / 2 + 1)."""
    inside = share[..., :-_EDGE_BINS]
    top = inside[..., -_TOP_BINS:].mean(-1, keepdim=True)
    return torch.cat([inside, top.expand(-1, -1, N_FFT // 2 + 1 - inside.shape[-1])], dim=-1)


def load_spleeter(device: str = "cpu") -> Spleeter:
    """Load the bundled weights.

    Raises:
        CheckpointError: the weights are missing from the installation, or are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = TwoStems()
    try:
        network.load_state_dict(unpacked(load_file(BUNDLED_SEPARATOR)))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"the bundled separator is missing or damaged; reinstall myna ({error})") from error
    return Spleeter(network, device)
