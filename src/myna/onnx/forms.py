"""Networks in a form that ONNX can say: of any length, in real numbers, and in one piece.

PyTorch's own forms compute long songs piece by piece in loops of Python, whose number of turns a graph would keep, and
transform between signals and spectra with complex numbers, which ONNX lacks: here a transform is a convolution with
sines and cosines.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.features.content.embedded import HOP_LENGTH, Block, LogMel
from myna.models.decoders.backbone import Backbone, Waveform
from myna.models.decoders.source_filter import SourceFilterDecoder, minimum_phase
from myna.models.layers import excitation
from myna.models.layers.subbands import InverseStft
from myna.models.layers.transformer import Attention, CausalAttention, RelativeAttention


def exportable(network: nn.Module) -> nn.Module:
    """A copy of `network` with every part in such a form; it computes the same."""
    found = copy.deepcopy(network).requires_grad_(False)
    for name, part in list(found.named_modules()):
        form = _FORMS.get(type(part))
        if form is not None:
            found.set_submodule(name, form(part))
    return found


class _Stft(nn.Module):
    """`torch.stft`, with zeros around the signal, and `torch.istft`."""

    kernels: Tensor  # (2 * n_bins, 1, n_fft): a cosine and a sine a bin, under the window
    shares: Tensor  # (2 * n_bins, 1): what of the sum a bin stands for
    power: Tensor  # (1, 1, n_fft): of the window

    def __init__(self, window: Tensor, hop_length: int, padding: int) -> None:
        super().__init__()
        n_fft = len(window)
        self.hop_length, self.padding = hop_length, padding
        # In whole turns less, and in double precision: an angle of a thousand turns has few digits for its sine.
        turns = torch.arange(n_fft // 2 + 1)[:, None] * torch.arange(n_fft) % n_fft
        angle = 2 * math.pi * turns.double() / n_fft
        kernels = torch.cat([torch.cos(angle), -torch.sin(angle)]) * window
        # All bins but the first and the last stand for two, of which a spectrum of a real signal holds one.
        shares = torch.full((n_fft // 2 + 1, 1), 2 / n_fft)
        shares[0] = shares[-1] = 1 / n_fft
        self.register_buffer("kernels", kernels.unsqueeze(1).float())
        self.register_buffer("shares", shares.repeat(2, 1))
        self.register_buffer("power", window.square().reshape(1, 1, -1))

    def analysis(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        """Signals (B, S, N) to real and imaginary parts (B, S, n_bins, T)."""
        spectra = F.conv1d(signals.flatten(0, 1).unsqueeze(1), self.kernels, None, self.hop_length, self.padding)
        real, imaginary = spectra.reshape(*signals.shape[:2], *spectra.shape[1:]).chunk(2, dim=2)
        return real, imaginary

    def synthesis(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """Real and imaginary parts (B, n_bins, T + 1) to signals (B, T * hop_length)."""
        added = self._overlapped(torch.cat([real, imaginary], dim=1) * self.shares, self.kernels)
        return (added / self._overlapped(torch.ones_like(real[:1, :1]), self.power)).squeeze(1)

    def _overlapped(self, frames: Tensor, kernels: Tensor) -> Tensor:
        return F.conv_transpose1d(frames, kernels, None, self.hop_length, self.padding)


class _InverseStft(nn.Module):
    """`InverseStft` in real numbers."""

    def __init__(self, original: InverseStft) -> None:
        super().__init__()
        self.stft = _Stft(original.window, original.hop_length, original.n_fft // 2)

    def forward(self, spectra: Tensor) -> Tensor:
        log_magnitude, phase = spectra.float().flatten(0, 1).chunk(2, dim=1)
        magnitude, phase = log_magnitude.exp(), math.pi * torch.sin(phase)
        signal = self.stft.synthesis(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        return signal.reshape(*spectra.shape[:2], -1)


class _Backbone(nn.Module):
    """`Backbone` in one piece."""

    def __init__(self, original: Backbone) -> None:
        super().__init__()
        self.original = original

    def forward(
        self,
        latent: Tensor,
        condition: Tensor | None = None,
        added: Callable[[int, slice], Tensor] | None = None,
        finish: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        x = self.original.input_conv(latent)
        if condition is not None:
            x = x + condition
        for step in range(len(self.original.upsamples)):
            x = self.original._step(step, x, slice(0, latent.shape[2]), added)
        return x if finish is None else finish(x)


class _SourceFilterDecoder(nn.Module):
    """`SourceFilterDecoder` in one piece and in real numbers."""

    phase_of_log: Tensor  # (n_bins, n_bins): `minimum_phase` is linear in the logarithms of gains

    def __init__(self, original: SourceFilterDecoder) -> None:
        super().__init__()
        self.original = original
        self.stft = _Stft(original.window, original.hop_length, original.n_fft // 2)
        self.register_buffer("phase_of_log", minimum_phase(torch.eye(original.n_bins).unsqueeze(0))[0])

    def forward(
        self,
        latent: Tensor,
        f0: Tensor,
        speaker: Tensor,
        generator: torch.Generator | None,
        voiced: Tensor,
        highest_hz: Tensor,
    ) -> Waveform:
        decoder = self.original
        with mock.patch.object(excitation, "_between_frames", _between_frames):
            sources = excitation.Excitation.along(
                f0, voiced, decoder.frame_samples, decoder.sample_rate, generator
            ).samples()
        log_gains = decoder.log_gains(decoder.coarse(latent, speaker), speaker, slice(0, latent.shape[2]))
        gains = log_gains.exp()
        real, imaginary = self.stft.analysis(sources)
        phase = self.phase_of_log @ decoder.averaged(log_gains[:, 0], f0)
        turned = torch.stack(
            [
                torch.cos(phase) * real[:, 0] - torch.sin(phase) * imaginary[:, 0],
                torch.cos(phase) * imaginary[:, 0] + torch.sin(phase) * real[:, 0],
            ]
        )
        spectrum = gains[:, 0] * turned
        spectrum = spectrum + torch.stack([(gains[:, 1:] * part[:, 1:]).sum(1) for part in (real, imaginary)])
        spectrum = spectrum * (decoder.bins_hz < highest_hz[:, None]).unsqueeze(2)
        return Waveform(self.stft.synthesis(*spectrum.unbind()).unsqueeze(1))


def _between_frames(f0: Tensor, hop_length: int) -> Tensor:
    """`excitation._between_frames` to the last bit: a bit more or less can be a harmonic more or less.

    PyTorch adds the product with the earlier frame unrounded to the rounded one with the later.
    """
    place = (torch.arange(hop_length) + 0.5) / hop_length - 0.5
    before = place < 0  # the middle of the frame
    weight = place + before.float()
    around = F.pad(f0.unsqueeze(1), (1, 1), mode="replicate").squeeze(1).unsqueeze(2)
    earlier = torch.where(before, around[:, :-2], around[:, 1:-1])
    later = torch.where(before, around[:, 1:-1], around[:, 2:])
    return (earlier.double() * (1 - weight).double() + (later * weight).double()).float().flatten(1)


class _Attention(nn.Module):
    """`Attention` in one block."""

    def __init__(self, original: Attention) -> None:
        super().__init__()
        self.original = original

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        query, key, value = self.original.heads(x)
        return self.original.mixed(self.original.attend(query, 0, key, value, mask))


class _LogMel(LogMel):
    """`LogMel` in real numbers."""

    def __init__(self, original: LogMel) -> None:
        super().__init__()
        self.stft = _Stft(original.window, HOP_LENGTH, padding=0)

    def power(self, audio: Tensor) -> Tensor:
        real, imaginary = self.stft.analysis(audio.unsqueeze(1))
        return (real.square() + imaginary.square())[:, 0]


class _Block(Block):
    """`Block` without the fused attention, which PyTorch's exporter knows for one group of queries only."""

    def __init__(self, original: Block) -> None:
        super().__init__()
        self.load_state_dict(original.state_dict())

    def attend(self, hidden: Tensor) -> Tensor:
        with mock.patch.object(F, "scaled_dot_product_attention", _attended):
            return super().attend(hidden)


def _attended(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.shape[-1]) + attn_mask
    return scores.softmax(-1) @ value


_FORMS: Mapping[type[nn.Module], Callable[..., nn.Module]] = {
    Backbone: _Backbone,
    Block: _Block,
    CausalAttention: _Attention,
    InverseStft: _InverseStft,
    LogMel: _LogMel,
    RelativeAttention: _Attention,
    SourceFilterDecoder: _SourceFilterDecoder,
}
