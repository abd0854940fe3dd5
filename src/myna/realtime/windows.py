"""Conversion of a stream to a voice of any family, in overlapping windows."""

from __future__ import annotations

import numpy as np

from myna.audio.crossfade import ALIGNMENT_SECONDS, best_shift, crossfade
from myna.conversion.renderer import Renderer, SourceFacts
from myna.conversion.settings import ConversionSettings
from myna.features.f0.stream import FIRST_PEAK
from myna.realtime.interface import Samples

# Context before the new part: for the features, and for the network that sings from them, which costs the most.
FEATURE_CONTEXT_SECONDS, CONTEXT_SECONDS = 0.5, 0.1
LOOK_AHEAD_SECONDS = 0.05  # after it, in addition to the cross-fade
FADE_SECONDS = 0.02


class WindowedConversion:
    """Converter of a stream by `Renderer`: each window has context on both sides of its new part.

    The new part is aligned in phase with the end of the previous one, and cross-faded with it.
    """

    def __init__(self, renderer: Renderer, block_seconds: float) -> None:
        """
        Args:
            block_seconds: length of the new parts, rounded up to whole frames.
        """
        self.sample_rate, self._hop_length = renderer.sample_rate, renderer.hop_length
        self._renderer = renderer
        self._reach, self._fade = (round(seconds * self.sample_rate) for seconds in (ALIGNMENT_SECONDS, FADE_SECONDS))
        self._before = self._whole_frames(FEATURE_CONTEXT_SECONDS)
        self._sung_before = self._whole_frames(CONTEXT_SECONDS)  # part of it that is also sung
        self._after = self._whole_frames(LOOK_AHEAD_SECONDS + FADE_SECONDS + ALIGNMENT_SECONDS)
        self._peak = FIRST_PEAK
        self._held = np.zeros(self._fade, np.float32)  # end of the last new part, to fade out
        self._source = np.zeros(self._before, np.float32)  # source from the beginning of the next window on
        self._n_out = 0
        self.block_samples = self._whole_frames(block_seconds)
        self.delay_samples = self._after + self.block_samples - 1

    def push(self, audio: Samples, settings: ConversionSettings) -> Samples:
        """Append samples (n,) of the source, and return the samples (m,) of the voice that are now complete."""
        self._renderer.settings = settings
        self._source = np.concatenate([self._source, audio])
        n_window = self._before + self.block_samples + self._after
        parts = [np.empty(0, np.float32)]
        while len(self._source) >= n_window:
            parts.append(self._next(self._source[:n_window]))
            self._source = self._source[self.block_samples :]
        return np.concatenate(parts)

    def _next(self, window: Samples) -> Samples:
        """Return the new part (block,) of a window, joined with the previous part."""
        self._peak = max(self._peak, float(np.abs(window).max()))
        sound = self._rendered(window)
        begin = self._sung_before + best_shift(self._held, sound, self._sung_before, self._reach)
        new = sound[begin : begin + self.block_samples + self._fade]
        joined = np.concatenate([crossfade(self._held, new[: self._fade]), new[self._fade :]])
        self._held = joined[self.block_samples :]
        self._n_out += self.block_samples
        return joined[: self.block_samples]

    def _rendered(self, window: Samples) -> Samples:
        settings = self._renderer.settings
        source = SourceFacts(transpose=settings.options.transpose, peak=self._peak)
        noise = settings.noise_at(self._n_out, self._renderer.device)
        unsung = (self._before - self._sung_before) // self._hop_length
        return self._renderer.render(window, self._n_out - self._before, noise, source, unsung).audio

    def _whole_frames(self, seconds: float) -> int:
        """Return a length in samples, rounded up to whole frames."""
        return -(-round(seconds * self.sample_rate) // self._hop_length) * self._hop_length
