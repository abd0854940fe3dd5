"""Source-filter decoder of the light voice: a network predicts the gains of each source twice per frame.

The pitch is correct by construction, because the pulses are generated at f0 (DDSP: Engel et al. 2020; for voice
conversion: DDSP-SVC). The sources are filtered by multiplying their STFTs by the gains. The filter of the pulses is
minimum-phase, like a vocal tract: its response is after the pulse. With a zero-phase filter, noise would have to fill
the gaps between pulses. A rapidly changing phase shifts frequencies, especially of a low pitch. Therefore the phase is
computed from gains that are averaged over time (docs/experiments.md).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.errors import ConfigError
from myna.models.interface import DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convnext import KERNEL_SIZE, SpeakerBlock
from myna.models.layers.convolution import TimeConv1d, TimeUpsampling
from myna.models.layers.cumulative_sum import cumulative_sum
from myna.models.layers.excitation import (
    LOWEST_HZ,
    N_SOURCES,
    Excitation,
    Interpolation,
    between_frames,
    between_frames_explicitly,
)
from myna.models.layers.spectral_filter import SpectralFilter
from myna.models.sizes import SourceFilterSizes

INITIAL_LOG_GAIN = -4.0
HIGHEST_LOG_GAIN = 3.0
LOWEST_LOG_GAIN = math.log(1e-5)  # floor of the log gains for the phase, which inaudible gains must not affect
# The pulse phase is computed from a moving average of the log gains. `PHASE_REACH` is the half-width of the average in
# hops of 5.8 ms if f0 is at most `PHASE_HZ`; above that, the half-width is proportional to 1 / f0^2. In a causal
# decoder, the average has the same width, but ends at the present spectrum.
PHASE_REACH, PHASE_HZ = 16, 65.0
PIECE_FRAMES = 256  # frames per piece; short pieces need less memory and fit in the cache


class SourceFilterDecoder(nn.Module):
    """`Decoder` that computes audio from latent frames and f0."""

    bins_hz: Tensor

    def __init__(self, sizes: SourceFilterSizes, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate, self.frame_samples = sample_rate, sizes.frame_samples
        self.rate = sizes.frame_samples // sizes.hop_length  # spectra per frame
        if self.rate * sizes.hop_length != sizes.frame_samples or self.rate % 2:
            raise ConfigError(
                f"data.hop_length ({sizes.frame_samples}) must be an even multiple of model.gen_istft_hop_size "
                f"({sizes.hop_length}) for a source-filter decoder"
            )
        channels, speaker_channels = sizes.channels, sizes.speaker_channels
        n_bins = sizes.n_fft // 2 + 1
        self.causal = sizes.causal
        self.piece_frames: int | None = PIECE_FRAMES
        self.interpolate: Interpolation = between_frames
        # Receptive field of the fine blocks, the average for the phase, the STFT windows and the upsampling.
        reach = sizes.n_fine_layers * (KERNEL_SIZE // 2) + PHASE_REACH
        fine_context = (2 * reach if sizes.causal else reach) + sizes.n_fft // sizes.hop_length
        self.context_frames = math.ceil(fine_context / self.rate) + 1
        self.input_conv = TimeConv1d(sizes.in_channels, channels, 3, causal=sizes.causal)
        self.coarse_blocks, self.fine_blocks = (
            nn.ModuleList(SpeakerBlock(channels, speaker_channels, causal=sizes.causal) for _ in range(n_layers))
            for n_layers in (sizes.n_coarse_layers, sizes.n_fine_layers)
        )
        self.upsample = TimeUpsampling(channels, self.rate, causal=sizes.causal)
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, N_SOURCES * n_bins)
        with torch.no_grad():
            self.head.weight.mul_(0.3)
            self.head.bias.fill_(INITIAL_LOG_GAIN)
        self.filter = SpectralFilter(sizes.n_fft, sizes.hop_length)
        self.register_buffer("bins_hz", torch.linspace(0, sample_rate / 2, n_bins), persistent=False)

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform:
        """
        Args:
            latent: (B, in_channels, T).
            conditions: f0, interpolated over unvoiced frames, and the speaker; voiced and bandwidth_hz are optional.

        Returns:
            Audio, (B, 1, T * frame_samples).
        """
        with torch.no_grad():
            sources = Excitation.along(
                conditions.f0,
                conditions.voiced,
                self.frame_samples,
                self.sample_rate,
                noise,
                self.interpolate,
                self.causal,
            )
        hidden, n_frames = self._coarse(latent, conditions.speaker), latent.shape[2]
        if self.piece_frames is None:
            return Waveform(self._filtered(hidden, sources, conditions, slice(0, n_frames)).unsqueeze(1))
        pieces = []
        for start in range(0, n_frames, self.piece_frames):
            first = max(0, start - self.context_frames)
            frames = slice(first, start + self.piece_frames + self.context_frames)
            begin = (start - first) * self.frame_samples
            sound = self._filtered(hidden, sources, conditions, frames)
            pieces.append(sound[..., begin : begin + self.piece_frames * self.frame_samples])
        return Waveform(torch.cat(pieces, dim=1).unsqueeze(1))

    def exportable(self) -> nn.Module:
        self.piece_frames, self.interpolate = None, between_frames_explicitly
        return self

    def _coarse(self, latent: Tensor, speaker: Tensor | None) -> Tensor:
        """Apply the blocks at the frame rate to latents (B, in_channels, T), and return hidden frames, (B, C, T)."""
        hidden: Tensor = self.input_conv(latent)
        for block in self.coarse_blocks:
            hidden = block(hidden, speaker)
        return hidden

    def _filtered(self, hidden: Tensor, sources: Excitation, conditions: DecoderConditions, frames: slice) -> Tensor:
        """Synthesize audio (B, n) for the range `frames` of the hidden frames (B, C, T)."""
        with torch.no_grad():
            samples = sources.samples(slice(frames.start * self.frame_samples, frames.stop * self.frame_samples))
        assert conditions.speaker is not None
        log_gains = self._log_gains(hidden, conditions.speaker, frames)
        averaged = self._averaged(log_gains[:, 0], conditions.f0[:, frames])
        passband = None
        if conditions.bandwidth_hz is not None:
            passband = (self.bins_hz < conditions.bandwidth_hz[:, None]).unsqueeze(2)
        sound: Tensor = self.filter(samples, log_gains.exp(), averaged, passband)
        return sound

    def _log_gains(self, hidden: Tensor, speaker: Tensor, frames: slice) -> Tensor:
        """Return the log gains of each source for the T' hidden frames in `frames`: (B, S, n_bins, T' * rate + 1)."""
        hidden = self.upsample(hidden[..., frames])
        present = speaker if speaker.shape[2] == 1 else speaker[..., frames].repeat_interleave(self.rate, dim=2)
        for block in self.fine_blocks:
            hidden = block(hidden, present)
        log_gains = self.head(self.norm(hidden.transpose(1, 2))).transpose(1, 2).float()
        log_gains = F.pad(log_gains, (0, 1), mode="replicate")
        return torch.stack(log_gains.clamp(max=HIGHEST_LOG_GAIN).chunk(N_SOURCES, dim=1), dim=1)

    def _averaged(self, log_gains: Tensor, f0: Tensor) -> Tensor:
        """Average log gains (B, n_bins, T * rate + 1) over time; the width depends on f0 (B, T), see `PHASE_REACH`."""
        hz = F.pad(f0.float().clamp(min=LOWEST_HZ).repeat_interleave(self.rate, dim=1), (0, 1), mode="replicate")
        before, after = phase_context(hz, self.causal)
        floored = log_gains.clamp(min=LOWEST_LOG_GAIN)
        spectra = torch.arange(floored.shape[2], device=hz.device)
        first, behind = (spectra - before).clamp(min=0), (spectra + after + 1).clamp(max=floored.shape[2])
        sums = F.pad(cumulative_sum(floored, 2), (1, 0))
        from_start = [sums.gather(2, end.unsqueeze(1).expand_as(floored)) for end in (first, behind)]
        return ((from_start[1] - from_start[0]) / (behind - first).unsqueeze(1)).float()


def phase_context(hz: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
    """Return the numbers of earlier and later spectra in the average for the phase, for f0 in Hz of any shape."""
    reach = (PHASE_REACH * (PHASE_HZ / hz).square()).round().clamp(max=PHASE_REACH).long()
    return (2 * reach, torch.zeros_like(reach)) if causal else (reach, reach)
