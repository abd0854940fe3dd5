"""A source and filters: the network says, twice a frame, how strong each frequency of each source is.

The pitch is right by construction, since the pulses are made at it and the filters know no pitch (DDSP: Engel et al.
2020; as a voice converter DDSP-SVC). The filtering is a product of short spectra. A filter of pulses has the least
phase that goes with its gains, as a throat has: it rings after a pulse and not before. With none, breath must fill the
gaps between pulses. But a phase that moves fast is a frequency and bends the pitch, a low one most, so it is that of a
mean over a while (docs/experiments.md).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.errors import ConfigError
from myna.models.decoders.backbone import Waveform
from myna.models.layers.convnext import KERNEL_SIZE, SpeakerBlock
from myna.models.layers.excitation import LOWEST_HZ, N_SOURCES, Excitation
from myna.models.layers.running_sum import running_sum

INITIAL_LOG_GAIN = -4.0
LOUDEST_LOG_GAIN = 3.0
LEAST_LOG_GAIN = math.log(1e-5)  # in the phases; silence has none
# To how many spectra on either side, 5.8 ms apart, the gains are averaged whose phase the pulses have: so many at
# `PHASE_HZ` and below, fewer with the square of a higher pitch.
PHASE_REACH, PHASE_HZ = 16, 65.0
PIECE_FRAMES = 256  # whose spectra are computed at once: memory does not grow with the song, and a piece stays in cache


class SourceFilterDecoder(nn.Module):
    """Hidden frames and pitch to audio."""

    window: Tensor
    bins_hz: Tensor

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.sample_rate, self.frame_samples = data.sample_rate, data.hop_length
        self.n_fft, self.hop_length = model.istft_n_fft, model.istft_hop_length
        channels = model.hidden_channels
        self.rate = data.hop_length // self.hop_length
        if self.rate * self.hop_length != data.hop_length or self.rate % 2:
            raise ConfigError(
                f"data.hop_length ({data.hop_length}) must be an even multiple of model.gen_istft_hop_size "
                f"({self.hop_length}) for a source-filter decoder"
            )
        self.n_bins = self.n_fft // 2 + 1
        # What reaches into the sound of a frame: fine blocks, the phase, a window before and one after, the upsampling.
        fine_context = model.n_fine_layers * (KERNEL_SIZE // 2) + PHASE_REACH + self.n_fft // self.hop_length
        self.context_frames = math.ceil(fine_context / self.rate) + 1
        self.input_conv = nn.Conv1d(model.latent_channels, channels, kernel_size=3, padding=1)
        self.coarse_blocks = nn.ModuleList(
            SpeakerBlock(channels, model.speaker_channels) for _ in range(model.n_layers)
        )
        self.upsample = nn.ConvTranspose1d(channels, channels, 2 * self.rate, self.rate, self.rate // 2)
        self.fine_blocks = nn.ModuleList(
            SpeakerBlock(channels, model.speaker_channels) for _ in range(model.n_fine_layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, N_SOURCES * self.n_bins)
        with torch.no_grad():
            self.head.weight.mul_(0.3)
            self.head.bias.fill_(INITIAL_LOG_GAIN)
        self.register_buffer("window", torch.hann_window(self.n_fft), persistent=False)
        self.register_buffer("bins_hz", torch.linspace(0, data.sample_rate / 2, self.n_bins), persistent=False)

    def forward(
        self,
        latent: Tensor,
        f0: Tensor,
        speaker: Tensor,
        generator: torch.Generator | None = None,
        voiced: Tensor | None = None,
        highest_hz: Tensor | None = None,
    ) -> Waveform:
        """
        Args:
            latent: (B, latent_channels, T).
            f0: Hz with the gaps filled, (B, T).
            speaker: (B, speaker_channels, 1), or T where it changes with time.
            voiced: where there are pulses, (B, T); None leaves it to the filters.
            highest_hz: where the sound ends, (B,).

        Returns:
            Audio (B, 1, T * hop).
        """
        with torch.no_grad():
            sources = Excitation.along(f0, voiced, self.frame_samples, self.sample_rate, generator)
        hidden = self.coarse(latent, speaker)
        n_frames, pieces = latent.shape[2], []
        for start in range(0, n_frames, PIECE_FRAMES):
            first, last = max(0, start - self.context_frames), start + PIECE_FRAMES + self.context_frames
            with torch.no_grad():
                heard = sources.samples(slice(first * self.frame_samples, last * self.frame_samples))
            sound = self._filtered(hidden, f0, heard, speaker, highest_hz, slice(first, last))
            begin = (start - first) * self.frame_samples
            pieces.append(sound[..., begin : begin + PIECE_FRAMES * self.frame_samples])
        return Waveform(torch.cat(pieces, dim=1).unsqueeze(1))

    def coarse(self, latent: Tensor, speaker: Tensor) -> Tensor:
        """What is computed at the rate of frames: (B, C, T)."""
        hidden: Tensor = self.input_conv(latent)
        for block in self.coarse_blocks:
            hidden = block(hidden, speaker)
        return hidden

    def _filtered(
        self, hidden: Tensor, f0: Tensor, sources: Tensor, speaker: Tensor, highest_hz: Tensor | None, frames: slice
    ) -> Tensor:
        """Some of the hidden frames (B, C, T), and their sources (B, S, T' * hop), to sound (B, T' * hop)."""
        n_samples = sources.shape[2]
        log_gains, spectra = self.log_gains(hidden, speaker, frames), self._spectra(sources)
        gains = log_gains.exp()
        phase = minimum_phase(self.averaged(log_gains[:, 0], f0[:, frames]))
        pulses = torch.polar(gains[:, 0], phase) * spectra[:, 0]
        spectrum = pulses + (gains[:, 1:] * spectra[:, 1:]).sum(1)
        if highest_hz is not None:
            spectrum = spectrum * (self.bins_hz < highest_hz[:, None]).unsqueeze(2)
        return torch.istft(spectrum, self.n_fft, self.hop_length, window=self.window, length=n_samples)

    def log_gains(self, hidden: Tensor, speaker: Tensor, frames: slice) -> Tensor:
        """How strong each bin of each source is in some of the hidden frames: (B, S, n_bins, T' * rate + 1)."""
        hidden = self.upsample(hidden[..., frames])
        present = speaker if speaker.shape[2] == 1 else speaker[..., frames].repeat_interleave(self.rate, dim=2)
        for block in self.fine_blocks:
            hidden = block(hidden, present)
        log_gains = self.head(self.norm(hidden.transpose(1, 2))).transpose(1, 2).float()
        log_gains = F.pad(log_gains, (0, 1), mode="replicate")
        return torch.stack(log_gains.clamp(max=LOUDEST_LOG_GAIN).chunk(N_SOURCES, dim=1), dim=1)

    def averaged(self, log_gains: Tensor, f0: Tensor) -> Tensor:
        """Means of (B, n_bins, T * rate + 1) over the spectra around each, more of them where the f0 (B, T) is low."""
        hz = F.pad(f0.float().clamp(min=LOWEST_HZ).repeat_interleave(self.rate, dim=1), (0, 1), mode="replicate")
        reach = (PHASE_REACH * (PHASE_HZ / hz).square()).round().clamp(max=PHASE_REACH).long()
        heard = log_gains.clamp(min=LEAST_LOG_GAIN)
        spectra = torch.arange(heard.shape[2], device=hz.device)
        first, behind = (spectra - reach).clamp(min=0), (spectra + reach + 1).clamp(max=heard.shape[2])
        sums = F.pad(running_sum(heard, 2), (1, 0))
        from_start = [sums.gather(2, end.unsqueeze(1).expand_as(heard)) for end in (first, behind)]
        return ((from_start[1] - from_start[0]) / (behind - first).unsqueeze(1)).float()

    def _spectra(self, signals: Tensor) -> Tensor:
        """(B, S, N) -> (B, S, n_bins, N / hop_length + 1)."""
        spectra = torch.stft(
            signals.flatten(0, 1),
            self.n_fft,
            self.hop_length,
            window=self.window,
            pad_mode="constant",  # a single frame is too short to be reflected
            return_complex=True,
        )
        return spectra.reshape(*signals.shape[:2], *spectra.shape[1:])


def minimum_phase(log_gains: Tensor) -> Tensor:
    """The phase of the causal filter with these gains that answers soonest: (B, n_bins, T) -> the same.

    The part of the cepstrum before its origin is folded onto the part after it (Oppenheim and Schafer 1989).
    """
    n_fft = 2 * (log_gains.shape[1] - 1)
    cepstrum = torch.fft.irfft(log_gains, n=n_fft, dim=1)
    sign = torch.sign(n_fft / 2 - torch.arange(n_fft, device=log_gains.device))
    sign[0] = 0
    phase: Tensor = torch.fft.rfft(cepstrum * sign[:, None], dim=1).imag
    return phase
