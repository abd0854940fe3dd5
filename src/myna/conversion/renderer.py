"""Rendering of one chunk of a recording: features, conditions, synthesis.

File conversion and live streaming share this module; they differ only in how they cut and join chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.config import VOICE_BOUNDS
from myna.conversion.settings import ConversionSettings
from myna.errors import CheckpointError, TooLittleMemoryError
from myna.features.contour import fill_unvoiced
from myna.features.extractor import FeatureExtractor, Features
from myna.features.f0.framing import SUNG_BOUNDS
from myna.features.loudness import soften_pauses
from myna.models.interface import Conditions, NoiseSource, Sampling
from myna.retrieval.search import Retrieval, blend
from myna.voice import Voice

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class SourceFacts:
    """Facts about a source recording that apply to all its chunks."""

    transpose: float = 0.0  # semitones
    pause_db: float | None = None  # level of the source's pauses, which are softened; None softens nothing
    peak: float | None = None  # level that the f0 estimator treats as loudest; None uses each chunk's own peak


class Rendered(NamedTuple):
    """A converted chunk."""

    audio: Samples  # (T * hop_length,) at the voice's sample rate
    source_f0: Samples  # f0 in Hz of the chunk's voiced frames, before transposition
    moved: NDArray[np.int_]  # for each frame, the octaves by which it was moved into the voice's bounds of pitch


class Renderer:
    """Converter of the chunks of one recording.

    renderer = Renderer(voice, settings, FeatureExtractor(voice.config))
    audio = renderer.render(chunk, start, settings.noise_at(start)).audio
    """

    def __init__(
        self, voice: Voice, settings: ConversionSettings, extractor: FeatureExtractor, device: str = "cpu"
    ) -> None:
        self.voice, self.settings, self.extractor, self.device = voice, settings, extractor, device
        self.sample_rate = voice.config.data.sample_rate
        self.hop_length = voice.config.data.hop_length

    @torch.inference_mode()
    def render(self, chunk: Samples, start: int, noise: NoiseSource, source: SourceFacts = SourceFacts()) -> Rendered:
        """Convert one chunk.

        Args:
            chunk: (N,) at the voice's sample rate, with context on both sides; at least one frame.
            start: position of the chunk in the recording, in samples. It matters only for speaker mixes that change
                over time.

        Raises:
            TooLittleMemoryError: the device has too little memory for a chunk of this length.
            CheckpointError: the output contains NaN or infinity.
        """
        options = self.settings.options
        features = self.extractor(chunk, f0_method=options.f0_method, peak=source.peak, bounds=SUNG_BOUNDS)
        source_f0 = features.f0[features.voiced].cpu().numpy()
        shifted = features.transposed(source.transpose)
        sung = shifted.within(VOICE_BOUNDS)
        octaves = torch.where(features.voiced, sung.f0 / shifted.f0, 1.0).log2().round().int().cpu().numpy()
        moved = 0 * octaves if options.auto_predict_f0 else octaves
        conditions = self.conditions(sung, start, source)
        try:
            generated = self.voice.synthesizer.generate(
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
        return Rendered(audio, source_f0, moved)

    def conditions(self, features: Features, start: int, source: SourceFacts) -> Conditions:
        """Return the synthesizer's conditions for a chunk that begins at sample `start`; its f0 is already shifted."""
        loudness = features.loudness
        if source.pause_db is not None:
            loudness = soften_pauses(loudness, source.pause_db, self.settings.softening_db)
        middles = start + (np.arange(features.n_frames) + 0.5) * self.hop_length
        speaker = self.settings.speaker_at(middles / self.sample_rate).to(self.device)
        content, voiced = features.content.to(self.device), features.voiced.to(self.device)
        return Conditions(
            content=self._retrieved(content, voiced, speaker)[None],
            f0=fill_unvoiced(features.f0)[None].to(self.device),
            voiced=voiced[None],
            speaker=speaker,
            loudness=loudness[None].to(self.device),
        )

    def _retrieved(self, content: Tensor, voiced: Tensor, speaker: Tensor) -> Tensor:
        """Blend content (C, T) with each speaker's retrieval data, and average the results by the speakers' shares."""
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
