"""The enhancer of so-vits-svc 4.1: a vocoder synthesizes the synthesizer's sound again, from its mel spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from myna.audio.resample import resample
from myna.models.interface import Conditions, Generated, Sampling, Synthesizer
from myna.models.vocoder import Vocoder
from myna.units import semitones_to_ratio

_ROUNDED_HZ = 100  # so-vits-svc 4.1 rounds the rate to which it resamples to whole hundreds


@dataclass(frozen=True)
class Enhanced:
    """Wrapper that passes a synthesizer's output through a vocoder.

    With an adaptive key, the sound is slowed down before the vocoder, which also lowers its pitch, and sped up by the
    same ratio afterwards. The vocoder then synthesizes high notes within the range of its training data. It may have
    another sample rate and hop length than the synthesizer.
    """

    synthesizer: Synthesizer
    vocoder: Vocoder
    sample_rate: int  # of the synthesizer, in Hz
    adaptive_key: float = 0.0  # semitones by which the vocoder sings lower

    @property
    def slowed_rate(self) -> int:
        """Rate in Hz to which the sound is resampled; treating it as the vocoder's own rate slows the sound down."""
        own = self.vocoder.mel.sample_rate
        return (
            _ROUNDED_HZ * round(own * semitones_to_ratio(self.adaptive_key) / _ROUNDED_HZ) if self.adaptive_key else own
        )

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        """Generate the audio of one recording (batch size 1)."""
        audio, f0 = self.synthesizer.generate(conditions, sampling)
        mel, slowed_rate = self.vocoder.mel, self.slowed_rate
        slowed = resample(audio[0].float().cpu().numpy(), self.sample_rate, slowed_rate)
        n_frames = -(-slowed.shape[1] // mel.hop_length)
        slowed = np.pad(slowed, ((0, 0), (0, n_frames * mel.hop_length - slowed.shape[1])))
        slowed_f0 = resampled_f0(
            f0[0].float().cpu().numpy() * np.float32(mel.sample_rate / slowed_rate),
            self.sample_rate * f0.shape[1] / audio.shape[2],
            slowed_rate / mel.hop_length,
            n_frames,
        )
        analysed = self.vocoder.analysis(torch.from_numpy(slowed).to(audio.device))
        enhanced = self.vocoder.synthesize(analysed, torch.from_numpy(slowed_f0)[None].to(f0), sampling.noise).audio
        fast = resample(enhanced[0].float().cpu().numpy(), slowed_rate, self.sample_rate)[:, : audio.shape[2]]
        fast = np.pad(fast, ((0, 0), (0, audio.shape[2] - fast.shape[1])))
        return Generated(torch.from_numpy(fast).to(audio)[None], f0)


def resampled_f0(f0: NDArray[np.float32], source_rate: float, target_rate: float, n_frames: int) -> NDArray[np.float32]:
    """Interpolate f0 (T,) linearly between the middles of its frames, for `n_frames` frames at another rate.

    Args:
        source_rate: frames per second of `f0`.
        target_rate: frames per second of the result.
    """
    middles = (np.arange(n_frames) + 0.5) / target_rate
    between: NDArray[np.float32] = np.interp(middles, (np.arange(len(f0)) + 0.5) / source_rate, f0).astype(np.float32)
    return between
