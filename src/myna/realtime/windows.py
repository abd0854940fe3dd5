"""Conversion of a stream to a voice of any family, in windows that overlap."""

from __future__ import annotations

import time

import numpy as np

from myna.audio.crossfade import ALIGNMENT_SECONDS, best_shift, crossfade
from myna.conversion.renderer import Renderer, SourceFacts
from myna.conversion.settings import ConversionSettings
from myna.features.extractor import FeatureExtractor
from myna.features.f0.stream import FIRST_PEAK
from myna.realtime.interface import Samples
from myna.voice import Voice

CONTEXT_SECONDS = 0.5  # before the new part
LOOK_AHEAD_SECONDS = 0.05  # after it, in addition to the cross-fade
FADE_SECONDS = 0.02
# Block lengths to choose from, and the largest share of a block's length that its computation may take: other programs
# need time too, and the time varies.
_BLOCKS_SECONDS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 1.6)
_LARGEST_LOAD = 0.6
_MEASUREMENTS = 3  # the first one is slower, since memory is allocated


class WindowedConversion:
    """Converter of a stream by `Renderer`: each window has context on both sides of its new part.

    The new part is aligned in phase with the end of the one before, and cross-faded with it.
    """

    def __init__(
        self, voice: Voice, settings: ConversionSettings, block_seconds: float | None = None, device: str = "cpu"
    ) -> None:
        """
        Args:
            block_seconds: length of the new parts; None measures the shortest one for which this computer is fast
                enough, which takes some seconds.
        """
        self.sample_rate = voice.config.data.sample_rate
        self._device, self._hop_length = device, voice.config.data.hop_length
        self._renderer = Renderer(voice, settings, FeatureExtractor(voice.config, device=device), device)
        self._reach, self._fade = (round(seconds * self.sample_rate) for seconds in (ALIGNMENT_SECONDS, FADE_SECONDS))
        self._before = self._whole_frames(CONTEXT_SECONDS)
        self._after = self._whole_frames(LOOK_AHEAD_SECONDS + FADE_SECONDS + ALIGNMENT_SECONDS)
        self._peak = FIRST_PEAK
        self._held = np.zeros(self._fade, np.float32)  # end of the last new part, which fades out
        self._source = np.zeros(self._before, np.float32)  # from the beginning of the next window on
        self._n_out = 0
        self._block = self._whole_frames(self._fast_block() if block_seconds is None else block_seconds)
        self.delay_samples = self._after + self._block - 1

    @property
    def block_seconds(self) -> float:
        """Length of the new part of a window."""
        return self._block / self.sample_rate

    def push(self, audio: Samples, settings: ConversionSettings) -> Samples:
        """Append samples (n,) of the source, and return the samples (m,) of the voice that are now complete."""
        self._renderer.settings = settings
        self._source = np.concatenate([self._source, audio])
        n_window = self._before + self._block + self._after
        parts = [np.empty(0, np.float32)]
        while len(self._source) >= n_window:
            parts.append(self._next(self._source[:n_window]))
            self._source = self._source[self._block :]
        return np.concatenate(parts)

    def _next(self, window: Samples) -> Samples:
        """Return the new part (block,) of a window, joined with the last one."""
        self._peak = max(self._peak, float(np.abs(window).max()))
        sound = self._rendered(window)
        begin = self._before + best_shift(self._held, sound, self._before, self._reach)
        new = sound[begin : begin + self._block + self._fade]
        joined = np.concatenate([crossfade(self._held, new[: self._fade]), new[self._fade :]])
        self._held = joined[self._block :]
        self._n_out += self._block
        return joined[: self._block]

    def _rendered(self, window: Samples) -> Samples:
        settings = self._renderer.settings
        source = SourceFacts(transpose=settings.options.transpose, peak=self._peak)
        noise = settings.noise_at(self._n_out, self._device)
        return self._renderer.render(window, self._n_out - self._before, noise, source).audio

    def _whole_frames(self, seconds: float) -> int:
        """Return a length in samples, rounded up to whole frames."""
        return -(-round(seconds * self.sample_rate) // self._hop_length) * self._hop_length

    def _fast_block(self) -> float:
        """Return the shortest of the block lengths that this computer renders fast enough, else the longest."""
        for seconds in _BLOCKS_SECONDS:
            n_samples = self._before + self._whole_frames(seconds) + self._after
            noise = 0.1 * np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
            if min(self._seconds(noise) for _ in range(_MEASUREMENTS)) < _LARGEST_LOAD * seconds:
                return seconds
        return _BLOCKS_SECONDS[-1]

    def _seconds(self, window: Samples) -> float:
        """Return the time in seconds for rendering a window."""
        begin = time.perf_counter()
        self._rendered(window)
        return time.perf_counter() - begin
