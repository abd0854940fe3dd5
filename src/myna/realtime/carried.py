"""Conversion of a stream to a light voice. Every stage keeps its state, so that nothing is computed twice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from myna.audio.resample import ResampledStream
from myna.config import VOICE_BOUNDS
from myna.conversion.settings import ConversionSettings
from myna.errors import CheckpointError
from myna.features.content import ContentEncoder
from myna.features.content.embedded import FRAME_SAMPLES, SAMPLE_RATE, EmbeddedEncoder
from myna.features.content.embedded_stream import ContentStream
from myna.features.contour import NoteAtBound, hold_unvoiced, transpose
from myna.features.f0.stream import FIRST_PEAK, PitchStream, StreamMethod
from myna.features.loudness import LoudnessStream
from myna.models.interface import Conditions
from myna.models.synthesizers.light import MIDDLE_HZ, LightSynthesizer
from myna.models.synthesizers.light_stream import LightStream
from myna.realtime.interface import Samples
from myna.voice import Voice

_SPEAKER_FRAMES = 2  # number of frames for a change of speakers
_SETTLED_SECONDS = 2.0  # longer than any look-ahead


def can_carry(voice: Voice, encoder: ContentEncoder, settings: ConversionSettings) -> bool:
    """Return True if `CarriedConversion` supports the voice with these settings; `WindowedConversion` supports all."""
    options = settings.options
    is_plain = not (options.formant_shift or options.loudness_mix or options.cluster_infer_ratio or options.enhance)
    is_plain = is_plain and settings.refinement is None
    light = isinstance(voice.synthesizer, LightSynthesizer) and isinstance(encoder, EmbeddedEncoder)
    few_frames = voice.config.data.hop_length * SAMPLE_RATE <= FRAME_SAMPLES * voice.config.data.sample_rate
    return light and is_plain and few_frames and options.f0_method in get_args(StreamMethod)


class CarriedConversion:
    """Converter of a stream. For equal features, its samples equal those of `Renderer` for the whole recording.

    A stream differs from a recording in five points, because the rest of the song is unknown:

    - Pitch is estimated by `PitchStream`, with other reference levels, and other rules for notes outside the bounds of
      voices. For causal voices, the method "live" replaces "swift", because its look-ahead is as short as theirs.
    - After transposition, a note outside the bounds is moved by octaves from its first frame outside on, see
      `NoteAtBound`.
    - An unvoiced frame has the f0 of the last voiced frame, see `hold_unvoiced`.
    - Content frames are repeated according to their exact times instead of the recording's length.
    - Pauses are not softened, rumble is not removed, and the result is not attenuated.
    """

    def __init__(
        self,
        voice: Voice,
        settings: ConversionSettings,
        encoder: ContentEncoder,
        block_seconds: float,
        peak: float = FIRST_PEAK,
    ) -> None:
        """
        Args:
            block_seconds: length of the parts of the source that are converted. With longer blocks, the weights are
                read from memory less often, but the delay is longer.
            peak: reference level of the f0 estimator, until there is a louder sample.
        """
        data = voice.config.data
        synthesizer = voice.synthesizer
        assert isinstance(synthesizer, LightSynthesizer)
        assert isinstance(encoder, EmbeddedEncoder)
        self._path, self._network = voice.path, encoder.network
        self.sample_rate, self._hop_length = data.sample_rate, data.hop_length
        self.block_samples = max(round(block_seconds * self.sample_rate), 1)
        self._source = np.empty(0, np.float32)  # less than a block
        self._resampler = ResampledStream(self.sample_rate, SAMPLE_RATE)
        self._encoder = ContentStream(encoder.network)
        short = voice.config.model.causal or settings.options.f0_method == "live"
        self._pitch = PitchStream(self.sample_rate, self._hop_length, peak, "live" if short else "swift")
        self._loudness = LoudnessStream(self._hop_length)
        self._synthesizer = LightStream(synthesizer, settings.noise_at(0))
        self._content = torch.empty(encoder.channels, 0)  # from the content of the next frame on
        self._f0s, self._levels = np.empty(0, np.float32), np.empty(0, np.float32)
        self._n_frames = self._n_dropped = 0  # numbers of synthesized frames and of dropped content frames
        self._note, self._held_hz = NoteAtBound(VOICE_BOUNDS), MIDDLE_HZ
        self._shares = _SpeakerRamp(_shares(settings, voice.config.model.n_speakers))
        self._n_speakers = voice.config.model.n_speakers
        self.delay_samples = self._delay()

    def push(self, audio: Samples, settings: ConversionSettings) -> Samples:
        """Append samples (n,) of the source, and return the samples (m,) of the voice that are now complete."""
        self._source = np.concatenate([self._source, audio])
        parts = [np.empty(0, np.float32)]
        with _one_thread():
            while len(self._source) >= self.block_samples:
                parts.append(self._converted(self._source[: self.block_samples], settings))
                self._source = self._source[self.block_samples :]
        return np.concatenate(parts)

    def _converted(self, audio: Samples, settings: ConversionSettings) -> Samples:
        """Append a block of the source, and return the samples (m,) of the voice that are now complete."""
        content = self._encoder.push(torch.from_numpy(self._resampler.push(audio)))
        self._content = torch.cat([self._content, content], dim=1)
        self._f0s = np.concatenate([self._f0s, self._pitch.push(audio)])
        self._levels = np.concatenate([self._levels, self._loudness.push(audio)])
        n_content = self._with_content(np.array(self._n_dropped + self._content.shape[1])) - self._n_frames
        n_new = min(int(n_content), len(self._f0s), len(self._levels))
        if not n_new:
            return np.empty(0, np.float32)
        voice = self._synthesizer.push(self._conditions(n_new, settings)).numpy()
        if not np.isfinite(voice).all():
            raise CheckpointError(f"{self._path} generates NaN: its weights are damaged")
        return voice

    def _conditions(self, n_frames: int, settings: ConversionSettings) -> Conditions:
        """Return the conditions of the next frames, and drop their features."""
        frames = np.arange(self._n_frames, self._n_frames + n_frames + 1)
        places = self._content_frames(frames) - self._n_dropped
        content = self._content[:, torch.from_numpy(places[:-1])]
        self._content, self._n_dropped = self._content[:, places[-1] :], self._n_dropped + int(places[-1])
        self._n_frames += n_frames
        f0, self._f0s = self._sung(self._f0s[:n_frames], settings.options.transpose), self._f0s[n_frames:]
        levels, self._levels = self._levels[:n_frames], self._levels[n_frames:]
        filled = hold_unvoiced(f0, self._held_hz)
        self._held_hz = float(filled[-1])
        return Conditions(
            content=content[None],
            f0=torch.from_numpy(filled)[None],
            voiced=torch.from_numpy(f0 > 0)[None],
            speaker=torch.from_numpy(self._shares.towards(_shares(settings, self._n_speakers), n_frames))[None],
            loudness=torch.from_numpy(levels)[None],
        )

    def _sung(self, f0: Samples, semitones: float) -> Samples:
        """Transpose f0 (T,), and move notes outside the bounds of voices into them by octaves."""
        sung = transpose(f0, semitones).astype(np.float32)
        for index, hz in enumerate(sung.tolist()):
            self._note.push(hz)
            sung[index] *= 2.0**self._note.octaves
        return sung

    def _content_frames(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the content frame in which each frame begins."""
        return frames * self._hop_length * SAMPLE_RATE // (FRAME_SAMPLES * self.sample_rate)

    def _with_content(self, n_content: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of frames with known content, given the number of known content frames."""
        return -(-n_content * FRAME_SAMPLES * self.sample_rate // (self._hop_length * SAMPLE_RATE))

    def _ready(self, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of samples of the voice after `n_samples` samples of the source, in whole blocks."""
        rate, hop = self.sample_rate, self._hop_length
        n_content = ContentStream.ready(self._network, ResampledStream.ready(rate, SAMPLE_RATE, n_samples))
        n_frames = np.minimum(self._with_content(n_content), self._pitch.ready(n_samples))
        return self._synthesizer.ready(np.minimum(n_frames, LoudnessStream.ready(hop, n_samples)))

    def _delay(self) -> int:
        """Return the largest delay of the output in samples, which occurs just before a block is full."""
        # A cycle has whole numbers of the estimators' frames (256 or 128 samples), content frames (320 samples) and the
        # voice's frames.
        at_once = 1280 * self.sample_rate // math.gcd(1280 * self.sample_rate, SAMPLE_RATE)
        cycle = math.lcm(at_once, self._hop_length, self.block_samples)
        longest = round(_SETTLED_SECONDS * self.sample_rate) + cycle
        n_samples = self.block_samples * np.arange(longest // self.block_samples + 1)
        return int((n_samples + self.block_samples - 1 - self._ready(n_samples)).max())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch use one thread: the products are so small that several threads mostly wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


class _SpeakerRamp:
    """Shares of speakers that change linearly."""

    def __init__(self, shares: Samples) -> None:
        self._from = self._to = shares
        self._n_frames = _SPEAKER_FRAMES  # number of frames since the last change

    def towards(self, shares: Samples, n_frames: int) -> Samples:
        """Return the shares (n_speakers, n_frames) of the next frames, which change towards `shares` (n_speakers,)."""
        if not np.array_equal(shares, self._to):
            self._from, self._to, self._n_frames = self._at(np.array([self._n_frames]))[:, 0], shares, 0
        passed = self._n_frames + np.arange(1, n_frames + 1)
        self._n_frames += n_frames
        return self._at(passed)

    def _at(self, n_frames: NDArray[np.int64]) -> Samples:
        weight = (n_frames / _SPEAKER_FRAMES).clip(max=1)
        shares: Samples = ((1 - weight) * self._from[:, None] + weight * self._to[:, None]).astype(np.float32)
        return shares


def _shares(settings: ConversionSettings, n_speakers: int) -> Samples:
    """Return the share of each speaker (n_speakers,)."""
    speaker = settings.speaker
    shares: Samples = np.eye(n_speakers, dtype=np.float32)[speaker] if isinstance(speaker, int) else speaker.shares[0]
    return shares
