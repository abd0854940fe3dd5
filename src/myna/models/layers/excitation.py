"""The three sources of a source-filter voice: pulses at f0, noise modulated at f0, and plain noise.

All three have a flat spectrum and a variance of 1 at every f0, so that a filter learned at one f0 also fits others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from myna.models.interface import NoiseSource
from myna.models.layers.cumulative_sum import cumulative_sum

Interpolation = Callable[[Tensor, int], Tensor]  # (B, T), hop_length -> (B, T * hop_length)

N_SOURCES = 3
# Largest relative change of f0 in a frame that is continued in `causal_ramps`: 12 ms of a wide vibrato.
STEEPEST = 0.03
LOWEST_HZ = 40.0  # lower values of f0 are raised to this, because f0 is 0 if no frame is voiced


@dataclass(frozen=True)
class Excitation:
    """Signals from which the sources of a song are computed piece by piece to save memory; (B, N) unless noted."""

    hz: Tensor  # f0
    cycles: Tensor  # phase of the pulses in cycles, 0 to 1
    noise: Tensor  # (2, B, N) standard normal
    voiced: Tensor  # weight of the pulses and the modulated noise, 0 to 1
    sample_rate: int

    @classmethod
    def along(
        cls,
        f0: Tensor,
        voiced: Tensor | None,
        hop_length: int,
        sample_rate: int,
        noise: NoiseSource,
        interpolate: Interpolation,
        causal: bool,
    ) -> Self:
        """
        Args:
            f0: in Hz, interpolated over unvoiced frames, (B, T).
            voiced: True in frames with pulses and modulated noise, (B, T); None means all frames.
            interpolate: `between_frames` or `between_frames_explicitly`.
            causal: whether samples depend on no later frames; then `causal_ramps` replaces `interpolate`.
        """
        f0 = f0.detach().float().clamp(min=LOWEST_HZ)
        if causal:
            hz, weight = causal_ramps(f0, torch.ones_like(f0) if voiced is None else voiced.float(), hop_length)
        else:
            if voiced is not None:
                f0 = _lowest_in_pauses(f0, F.pad(voiced.float(), (1, 1)))
            hz = interpolate(f0, hop_length)
            weight = torch.ones_like(hz) if voiced is None else interpolate(voiced.float(), hop_length)
        cycles = torch.remainder(cumulative_sum(hz, 1) / sample_rate, 1).float()
        return cls(hz, cycles, _source_noise(f0, hop_length, noise), weight, sample_rate)

    def samples(self, piece: slice = slice(None)) -> Tensor:
        """Return the pulses, the modulated noise and the plain noise for the n samples in `piece`: (B, 3, n)."""
        cycles, noise = self.cycles[:, piece], self.noise[..., piece]
        # (1 + cos)^2 has a mean of 1.5; 1 + cos is greatest at the pulse.
        modulation = (1 + torch.cos(2 * math.pi * cycles)) / math.sqrt(1.5)
        periodic = torch.stack([pulses(cycles, self.hz[:, piece], self.sample_rate), noise[1] * modulation], dim=1)
        periodic = periodic * self.voiced[:, None, piece]
        return torch.cat([periodic, noise[0].unsqueeze(1)], dim=1)


class ExcitationStream:
    """The sources of a stream. The results of `push`, joined, equal `Excitation.samples` of the whole recording."""

    def __init__(self, hop_length: int, sample_rate: int, noise: NoiseSource, *, causal: bool) -> None:
        self._hop_length, self._sample_rate, self._noise, self._causal = hop_length, sample_rate, noise, causal
        # If not causal, f0 is interpolated between the centres of frames, and depends on the voicing of the next frame.
        self.look_ahead_frames = 0 if causal else 2
        self._last: Tensor | None = None  # (2, 1) f0 and voicing of the last frame, if causal
        self._unsettled = torch.zeros(2, 1)  # f0 and voicing of the last frames; the last one has no successor yet
        self._frames: Tensor | None = None  # (2, T) f0 and voicing of the last complete frame and of the next frame
        self._turned = torch.zeros((), dtype=torch.float64)  # sum of f0 over the samples so far

    def push(self, f0: Tensor, voiced: Tensor) -> Tensor:
        """Append f0 in Hz and voicing of frames, (T,) each, and return the sources of complete frames, (3, n)."""
        new = torch.stack([f0.float().clamp(min=LOWEST_HZ), voiced.float()])
        ramps = self._causal_ramps(new) if self._causal else self._interpolated(new)
        if ramps is None:
            return f0.new_zeros(N_SOURCES, 0)
        f0, hz, weight = ramps
        turned = self._turned + cumulative_sum(hz, 1)
        self._turned = turned[0, -1]
        cycles = torch.remainder(turned / self._sample_rate, 1).float()
        noise = _source_noise(f0, self._hop_length, self._noise)
        return Excitation(hz, cycles, noise, weight, self._sample_rate).samples()[0]

    def _causal_ramps(self, new: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Append frames (2, T), and return f0 of frames (1, T), and f0 and voicing of their samples (1, n)."""
        n_frames = new.shape[1]
        if not n_frames:
            return None
        frames = new if self._last is None else torch.cat([self._last, new], dim=1)
        self._last = frames[:, -1:]
        ramps = causal_ramps(frames[:1], frames[1:], self._hop_length)
        hz, weight = (ramp[:, -n_frames * self._hop_length :] for ramp in ramps)
        return new[:1], hz, weight

    def _interpolated(self, new: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Append frames, and return the same as `_causal_ramps` for the frames that are complete."""
        given = torch.cat([self._unsettled, new], dim=1)
        self._unsettled = given[:, -2:]
        frames = given[:, 1:-1].clone()
        if not frames.shape[1]:
            return None
        frames[0] = _lowest_in_pauses(frames[0], given[1])
        frames = torch.cat([frames[:, :1] if self._frames is None else self._frames, frames], dim=1)
        self._frames = frames[:, -2:]
        n_frames = frames.shape[1] - 2
        if not n_frames:
            return None
        inside = slice(self._hop_length, -self._hop_length)
        hz, weight = (between_frames(one[None], self._hop_length)[:, inside] for one in frames)
        return frames[:1, 1:-1], hz, weight


def _lowest_in_pauses(f0: Tensor, voiced: Tensor) -> Tensor:
    """Replace f0 (..., T) by `LOWEST_HZ` in frames that are not voiced and not beside a voiced frame.

    In a pause, f0 has no meaning. If it advanced the phase there, errors would accumulate: the pulses after the pause
    would differ between conversions of nearly equal sounds. Frames beside a note keep their f0, because f0 is
    interpolated.

    Args:
        voiced: 1 in voiced frames and 0 in others, with one more frame at each end, (..., T + 2).
    """
    near = voiced[..., :-2] + voiced[..., 1:-1] + voiced[..., 2:] > 0
    return torch.where(near, f0, LOWEST_HZ)


def _source_noise(f0: Tensor, hop_length: int, noise: NoiseSource) -> Tensor:
    """Return standard normal noise (2, B, N) for the frames of f0 (B, T).

    The numbers are drawn frame by frame, so that a stream draws the same numbers. (Requests to PyTorch's generator can
    be split without changing the numbers if each request is for a multiple of 16.)
    """
    n_items, n_frames = f0.shape
    numbers = noise.normal("source_noise", (n_items, n_frames * 2 * hop_length), f0.float())
    return numbers.reshape(n_items, n_frames, 2, hop_length).permute(2, 0, 1, 3).flatten(2)


def pulses(cycles: Tensor, hz: Tensor, sample_rate: int) -> Tensor:
    """Return the sum of all harmonics of `hz` up to half the sample rate, with equal amplitudes: (B, N).

    The phase is `cycles` (B, N), 0 to 1. The sum of cosines is computed in closed form (Dirichlet's kernel) and scaled
    to a variance of 1.
    """
    n_harmonics = torch.floor(sample_rate / 2 / hz)
    half = math.pi * (cycles - cycles.round())  # between -pi/2 and pi/2; at 0, the quotient below is `odd`
    odd = 2 * n_harmonics + 1
    quotient = torch.where(half.abs() < 1e-4, odd, torch.sin(odd * half) / torch.sin(half))
    return (quotient - 1) / (2 * n_harmonics).sqrt()


def between_frames(contour: Tensor, hop_length: int) -> Tensor:
    """Interpolate a contour linearly between the centres of its frames: (B, T) to (B, T * hop_length)."""
    return F.interpolate(contour.unsqueeze(1), scale_factor=float(hop_length), mode="linear").squeeze(1)


def causal_ramps(f0: Tensor, voiced: Tensor, hop_length: int) -> tuple[Tensor, Tensor]:
    """Interpolate f0 and voicing of frames without later frames: (B, T) each to (B, T * hop_length) each.

    Within a frame, f0 is a straight line through the frame's value at its centre, with the slope from the previous
    frame. At the beginning of a note and after a leap, the slope is limited by `STEEPEST`. After the end of a note, f0
    keeps its last value for one frame; in other unvoiced frames it is `LOWEST_HZ`, see `_lowest_in_pauses`. Voicing
    changes from the previous frame's value to the frame's own.

    Args:
        voiced: 1 in voiced frames and 0 in others.
    """
    last_f0, last_voiced = (torch.cat([one[:, :1], one[:, :-1]], dim=1) for one in (f0, voiced))
    middle = torch.where(voiced > 0, f0, torch.where(last_voiced > 0, last_f0, LOWEST_HZ))
    slope = torch.where((voiced > 0) & (last_voiced > 0), f0 - last_f0, 0.0)
    slope = torch.minimum(torch.maximum(slope, -STEEPEST * f0), STEEPEST * f0)
    part = (torch.arange(hop_length, device=f0.device, dtype=f0.dtype) + 0.5) / hop_length
    hz = middle.unsqueeze(2) + slope.unsqueeze(2) * (part - 0.5)
    weight = last_voiced.unsqueeze(2) + (voiced - last_voiced).unsqueeze(2) * part
    return hz.flatten(1), weight.flatten(1)


def between_frames_explicitly(contour: Tensor, hop_length: int) -> Tensor:
    """Compute exactly the result of `between_frames`, but much slower, with operations that ONNX rounds like PyTorch.

    PyTorch's interpolation multiplies two frames by weights, and adds the unrounded product of the earlier frame to the
    rounded product of the later frame. The last bit matters: it may add or remove a harmonic of the pulses.
    """
    place = (torch.arange(hop_length) + 0.5) / hop_length - 0.5
    before = place < 0  # the sample is before the centre of its frame
    weight = place + before.float()
    around = F.pad(contour.unsqueeze(1), (1, 1), mode="replicate").squeeze(1).unsqueeze(2)
    earlier = torch.where(before, around[:, :-2], around[:, 1:-1])
    later = torch.where(before, around[:, 1:-1], around[:, 2:])
    return (earlier.double() * (1 - weight).double() + (later * weight).double()).float().flatten(1)
