"""The source-filter decoder for a stream; the samples equal `SourceFilterDecoder.forward` for the whole recording."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from myna.models.decoders.source_filter import (
    HIGHEST_LOG_GAIN,
    LOWEST_LOG_GAIN,
    PHASE_REACH,
    SourceFilterDecoder,
    phase_context,
)
from myna.models.interface import NoiseSource
from myna.models.layers.convnext import SpeakerBlock
from myna.models.layers.cumulative_sum import cumulative_sum
from myna.models.layers.excitation import LOWEST_HZ, N_SOURCES, ExcitationStream
from myna.models.layers.spectral_filter import SpectralFilter, minimum_phase
from myna.models.layers.streams import ConvolutionStream, Frames, SpeakerBlockStream, UpsamplingStream


class SourceFilterStream:
    """Decoder of a stream of latent frames; frames are (T, C), spectra (n_bins, T)."""

    def __init__(self, decoder: SourceFilterDecoder, noise: NoiseSource) -> None:
        self._decoder, self._rate = decoder, decoder.rate
        self._input = ConvolutionStream(decoder.input_conv)
        self._coarse = _Blocks(decoder.coarse_blocks, 1)
        self._upsample = UpsamplingStream(decoder.upsample)
        self._fine = _Blocks(decoder.fine_blocks, decoder.rate)
        self._sources = ExcitationStream(decoder.frame_samples, decoder.sample_rate, noise, causal=decoder.causal)
        self._phase = _PhaseStream(len(decoder.bins_hz), decoder.causal)
        self._filter = _FilterStream(decoder.filter)
        self._speaker, self._f0 = Frames(), Frames()
        self._n_spectra = 0  # number of spectra with known gains

    def ready(self, n_latent: NDArray[np.int64], n_frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of samples that `push` has returned after these numbers of latent frames and f0 frames."""
        decoder, filter_ = self._decoder, self._decoder.filter
        coarse = np.maximum(n_latent - self._input.right - self._coarse.right, 0)
        fine = np.maximum(self._rate * coarse - self._upsample.right - self._fine.right - self._phase.right, 0)
        samples = decoder.frame_samples * np.maximum(n_frames - self._sources.look_ahead_frames, 0)
        covered = np.maximum((samples - filter_.n_fft // 2) // filter_.hop_length + 1, 0)
        n_spectra: NDArray[np.int64] = np.minimum(fine, covered)
        return np.maximum(n_spectra * filter_.hop_length - filter_.n_fft // 2, 0)

    def push(self, latent: Tensor, f0: Tensor, voiced: Tensor, speaker: Tensor, bandwidth_hz: Tensor) -> Tensor:
        """Append T frames, and return the samples (n,) that are now complete.

        Args:
            latent: (T', in_channels), which may be behind the other inputs.
            f0: (T,) Hz, filled in unvoiced frames.
            voiced: (T,) bool.
            speaker: embeddings (T, speaker_channels).
            bandwidth_hz: highest frequency of the output, (1,).
        """
        decoder = self._decoder
        self._speaker.push(speaker)
        self._f0.push(f0)
        self._filter.append(self._sources.push(f0, voiced))
        hidden = self._coarse.push(self._input.push(latent), self._speaker)
        hidden = self._fine.push(self._upsample.push(hidden), self._speaker)
        log_gains = decoder.head(decoder.norm(hidden)).clamp(max=HIGHEST_LOG_GAIN)
        frames = torch.arange(self._n_spectra, self._n_spectra + len(log_gains)) // self._rate
        self._n_spectra += len(log_gains)
        averaged = self._phase.push(log_gains.T[: len(decoder.bins_hz)], self._f0.at(frames))
        self._speaker.drop_before(self._fine.n_frames // self._rate)
        self._f0.drop_before(self._n_spectra // self._rate)
        gains = torch.stack(log_gains.T.chunk(N_SOURCES)).exp()
        return self._filter.push(gains, averaged, decoder.bins_hz < bandwidth_hz)


class _Blocks:
    """A sequence of blocks at one frame rate, which is `rate` times that of the speaker embeddings."""

    def __init__(self, blocks: torch.nn.ModuleList, rate: int) -> None:
        self._blocks = [SpeakerBlockStream(block) for block in blocks if isinstance(block, SpeakerBlock)]
        self._rate = rate
        self._counts = [0] * len(self._blocks)
        self.right = sum(block.right for block in self._blocks)

    @property
    def n_frames(self) -> int:
        """Number of frames that the last block has returned."""
        return self._counts[-1] if self._counts else 0

    def push(self, x: Tensor, speaker: Frames) -> Tensor:
        for index, block in enumerate(self._blocks):
            x = block.push(x, speaker, self._counts[index], self._rate)
            self._counts[index] += len(x)
        return x


class _PhaseStream:
    """Moving average of log gains for the phase of the pulses, as in `SourceFilterDecoder`, for a stream."""

    def __init__(self, n_bins: int, causal: bool) -> None:
        self._causal = causal
        self.right = 0 if causal else PHASE_REACH  # largest number of later spectra
        self._left = 2 * PHASE_REACH - self.right
        # sums[:, k] is the sum of the gains of all spectra before spectrum `first + k`.
        self._sums = torch.zeros(n_bins, 1, dtype=torch.float64)
        self._first = 0
        self._f0 = torch.empty(0)  # f0 of the spectra whose averages are not returned yet
        self._n_out = 0

    def push(self, log_gains: Tensor, f0: Tensor) -> Tensor:
        """Append log gains (n_bins, T) and their f0 (T,), and return the averages (n_bins, T') that are complete."""
        new = cumulative_sum(log_gains.clamp(min=LOWEST_LOG_GAIN), 1) + self._sums[:, -1:]
        self._sums = torch.cat([self._sums, new], dim=1)
        self._f0 = torch.cat([self._f0, f0.clamp(min=LOWEST_HZ)])
        n_out = max(len(self._f0) - self.right, 0)
        before, after = phase_context(self._f0[:n_out], self._causal)
        self._f0 = self._f0[n_out:]
        spectra = torch.arange(self._n_out, self._n_out + n_out)
        begin, end = (spectra - before).clamp(min=0), spectra + after + 1
        sums = self._sums[:, end - self._first] - self._sums[:, begin - self._first]
        self._n_out += n_out
        dropped = max(self._n_out - self._left - self._first, 0)
        self._sums, self._first = self._sums[:, dropped:], self._first + dropped
        averages: Tensor = (sums / (end - begin)).float()
        return averages


class _FilterStream:
    """A `SpectralFilter` for a stream, which keeps sources, gains and the overlap of the inverse STFT."""

    def __init__(self, layer: SpectralFilter) -> None:
        self._n_fft, self._hop_length, self._window = layer.n_fft, layer.hop_length, layer.window
        half = layer.n_fft // 2
        self._sources = torch.zeros(N_SOURCES, half)  # zeros before the beginning, as in `SpectralFilter`
        self._gains = torch.empty(N_SOURCES, half + 1, 0)
        self._phase_gains = torch.empty(half + 1, 0)
        # Sums of windowed frames and of squared windows, after the complete samples.
        self._sound = self._weight = torch.zeros(layer.n_fft - layer.hop_length)
        self._surplus = half  # number of samples before the beginning that are still to be dropped

    def append(self, sources: Tensor) -> None:
        """Append samples of the sources (S, n), which may be ahead of the gains."""
        self._sources = torch.cat([self._sources, sources], dim=1)

    def push(self, gains: Tensor, phase_log_gains: Tensor, passband: Tensor) -> Tensor:
        """Append gains (S, n_bins, T) and log gains for the phase (n_bins, T'), and return complete samples (n,)."""
        self._gains = torch.cat([self._gains, gains], dim=2)
        self._phase_gains = torch.cat([self._phase_gains, phase_log_gains], dim=1)
        covered = (self._sources.shape[1] - self._n_fft) // self._hop_length + 1
        n_spectra = max(min(self._gains.shape[2], self._phase_gains.shape[1], covered), 0)
        if not n_spectra:
            return self._sound[:0]
        gains, self._gains = self._gains[..., :n_spectra], self._gains[..., n_spectra:]
        phase_gains, self._phase_gains = self._phase_gains[:, :n_spectra], self._phase_gains[:, n_spectra:]
        frames = self._sources.unfold(1, self._n_fft, self._hop_length)[:, :n_spectra]
        self._sources = self._sources[:, n_spectra * self._hop_length :]
        spectra = torch.fft.rfft(frames * self._window).transpose(1, 2)
        pulses = torch.polar(gains[0], minimum_phase(phase_gains[None])[0]) * spectra[0]
        spectrum = (pulses + (gains[1:] * spectra[1:]).sum(0)) * passband[:, None]
        return self._overlapped(torch.fft.irfft(spectrum.T, n=self._n_fft) * self._window)

    def _overlapped(self, frames: Tensor) -> Tensor:
        """Overlap-add frames (T, n_fft), and return the samples that later frames do not cover."""
        n_samples = len(frames) * self._hop_length
        squares = self._window.square().expand_as(frames)
        self._sound, self._weight = (
            _added(held, new, self._hop_length) for held, new in ((self._sound, frames), (self._weight, squares))
        )
        dropped = min(self._surplus, n_samples)
        self._surplus -= dropped
        done: Tensor = self._sound[dropped:n_samples] / self._weight[dropped:n_samples]
        self._sound, self._weight = self._sound[n_samples:], self._weight[n_samples:]
        return done


def _added(held: Tensor, frames: Tensor, hop_length: int) -> Tensor:
    """Overlap-add frames (T, n) to a signal (m,), which is extended if needed."""
    n_frames, size = frames.shape
    signal = F.pad(held, (0, (n_frames - 1) * hop_length + size - len(held)))
    for index, frame in enumerate(frames):
        signal[index * hop_length : index * hop_length + size] += frame
    return signal
