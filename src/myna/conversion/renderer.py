"""Rendering of one chunk of a recording: features, conditions, synthesis.

File conversion and `realtime.windows` share this module; they differ only in how they cut and join chunks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.audio.envelope import with_envelope_of
from myna.conversion.enhancer import Enhanced
from myna.conversion.formant_shift import FormantShifted
from myna.conversion.settings import ConversionSettings
from myna.conversion.slice_cache import CachedExtractor
from myna.conversion.sung_pitch import SungPitch, sung_pitch
from myna.errors import CheckpointError, TooLittleMemoryError
from myna.features.contour import fill_unvoiced
from myna.features.extractor import FeatureExtractor, Features
from myna.features.f0.framing import SUNG_BOUNDS
from myna.features.loudness import soften_pauses
from myna.models.interface import Conditions, NoiseSource, Sampling, Synthesizer
from myna.retrieval.search import Retrieval, blend
from myna.scales import Scale
from myna.voice import Voice

Samples = NDArray[np.float32]
Extractor = FeatureExtractor | CachedExtractor


@dataclass(frozen=True)
class SourceFacts:
    """Facts about a source recording that apply to all its chunks."""

    transpose: float = 0.0  # semitones
    pause_db: float | None = None  # level of the source's pauses, which are attenuated; None attenuates none
    peak: float | None = None  # level that the f0 estimator treats as the loudest; None uses the peak of each chunk
    scale: Scale | None = None  # key to which --autotune moves the notes; None moves none


class Rendered(NamedTuple):
    """A converted chunk."""

    audio: Samples  # (T * hop_length,) at the voice's sample rate
    source_f0: Samples  # f0 in Hz of the chunk's voiced frames, before transposition
    moved: NDArray[np.int_]  # octaves by which each frame was moved into the voice's bounds of pitch

    @property
    def nbytes(self) -> int:
        return self.audio.nbytes + self.source_f0.nbytes + self.moved.nbytes


class Renderer:
    """Converter of the chunks of one recording.

    renderer = Renderer(voice, settings, FeatureExtractor(voice.config))
    audio = renderer.render(chunk, start, settings.noise_at(start)).audio
    """

    def __init__(self, voice: Voice, settings: ConversionSettings, extractor: Extractor, device: str = "cpu") -> None:
        self.voice, self.settings, self.extractor, self.device = voice, settings, extractor, device
        self.sample_rate = voice.config.data.sample_rate
        self.hop_length = voice.config.data.hop_length
        options = settings.options
        self.synthesizer: Synthesizer = voice.synthesizer if settings.precision == "fp32" else voice.bf16_synthesizer
        if options.formant_shift:
            self.synthesizer = FormantShifted(self.synthesizer, options.formant_shift)
        if settings.refinement is not None:
            self.synthesizer = settings.refinement.after(self.synthesizer, self._content)
        if options.enhance and settings.vocoder is not None:
            self.synthesizer = Enhanced(
                self.synthesizer, settings.vocoder, self.sample_rate, options.enhancer_adaptive_key
            )

    @torch.inference_mode()
    def render(
        self,
        chunk: Samples,
        start: int,
        noise: NoiseSource,
        source: SourceFacts = SourceFacts(),
        context_frames: int = 0,
    ) -> Rendered:
        """Convert one chunk.

        Args:
            chunk: (N,) at the voice's sample rate, with context on both sides; at least one frame.
            start: position of the chunk in the recording, in samples. It matters only for pitch edits, and for speaker
                mixes that change over time.
            context_frames: frames at the beginning that only the features need; the result begins after them.

        Raises:
            TooLittleMemoryError: the device has too little memory for a chunk of this length.
            CheckpointError: the output contains NaN or infinity.
        """
        options = self.settings.options
        features = self.features(chunk, source)
        source_f0 = features.f0[features.voiced].cpu().numpy()
        f0, octaves = self.pitch(features, start, source)
        moved = 0 * octaves if options.auto_predict_f0 else octaves
        conditions = self.conditions(replace(features, f0=torch.from_numpy(f0)), start, source).after(context_frames)
        chunk, start = chunk[context_frames * self.hop_length :], start + context_frames * self.hop_length
        try:
            generated = self.synthesizer.generate(
                conditions, Sampling(noise, self.settings.noise_scale, options.auto_predict_f0)
            )
        except torch.OutOfMemoryError as error:
            raise TooLittleMemoryError(
                f"{self.device} has too little memory for {len(chunk) / self.sample_rate:.0f} s at once; "
                "lower --max-chunk-seconds"
            ) from error
        audio = generated.audio[0, 0].float().cpu().numpy()
        if not np.isfinite(audio).all():
            raise CheckpointError(f"{self.voice.path} generates NaN: its weights are damaged")
        if options.loudness_mix:
            audio = with_envelope_of(audio, chunk[: len(audio)], options.loudness_mix, self.sample_rate)
        if self.settings.edits:
            audio = self.settings.edits.silenced(audio, start / self.sample_rate, self.sample_rate)
        return Rendered(audio, source_f0, moved)

    def _content(self, audio: Samples, n_frames: int) -> Tensor:
        extractor = self.extractor.extractor if isinstance(self.extractor, CachedExtractor) else self.extractor
        return extractor.content(audio, self.sample_rate, n_frames)

    def features(self, chunk: Samples, source: SourceFacts) -> Features:
        """Return the features of a chunk (N,) of the source."""
        method = self.settings.options.f0_method
        return self.extractor(chunk, f0_method=method, peak=source.peak, bounds=SUNG_BOUNDS)

    def pitch(self, features: Features, start: int, source: SourceFacts) -> SungPitch:
        """Return the output pitch for the features of a chunk that begins at sample `start`."""
        times = self._times(start, features.n_frames)
        return sung_pitch(features.f0.numpy(), times, source.transpose, source.scale, self.settings)

    def conditions(self, features: Features, start: int, source: SourceFacts) -> Conditions:
        """Return the synthesizer's conditions for a chunk that begins at sample `start`; its f0 is already shifted."""
        loudness = features.loudness
        if source.pause_db is not None:
            loudness = soften_pauses(loudness, source.pause_db, self.settings.softening_db)
        speaker = self.settings.speaker_at(self._times(start, features.n_frames)).to(self.device)
        content, voiced = features.content.to(self.device), features.voiced.to(self.device)
        return Conditions(
            content=self._retrieved(content, voiced, speaker)[None],
            f0=fill_unvoiced(features.f0)[None].to(self.device),
            voiced=voiced[None],
            speaker=speaker,
            loudness=loudness[None].to(self.device),
        )

    def _times(self, start: int, n_frames: int) -> NDArray[np.float64]:
        """Return the centres of the frames (T,) of a chunk that begins at sample `start`, in seconds."""
        return (start + (np.arange(n_frames) + 0.5) * self.hop_length) / self.sample_rate

    def _retrieved(self, content: Tensor, voiced: Tensor, speaker: Tensor) -> Tensor:
        """Blend content (C, T) with each speaker's retrieval data, and average the results, weighted by the shares."""
        retrieval, options = self.settings.retrieval, self.settings.options
        if retrieval is None:
            return content
        shares: dict[Retrieval, Tensor]
        if speaker.dim() == 1:
            shares = {retrieval.of(int(speaker)): content.new_ones(1)}
        else:
            shares = {}
            for index in speaker[0].any(1).nonzero()[:, 0].tolist():
                one = retrieval.of(index)
                shares[one] = shares[one] + speaker[0, index] if one in shares else speaker[0, index]
        where = None if options.cluster_everywhere else voiced
        blended = [share * blend(content, one, options.cluster_infer_ratio, where) for one, share in shares.items()]
        return torch.stack(blended).sum(0)
