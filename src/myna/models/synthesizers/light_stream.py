"""The light voice for a stream; the samples equal `LightSynthesizer.synthesize` for the whole recording."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.few_rows import for_few_rows
from myna.models.decoders.source_filter import SourceFilterDecoder
from myna.models.decoders.source_filter_stream import SourceFilterStream
from myna.models.interface import Conditions, NoiseSource
from myna.models.layers.speakers import embed_speaker, lowest_of
from myna.models.layers.streams import ConvolutionStream
from myna.models.synthesizers.light import LightSynthesizer, control_values


class LightStream:
    """Synthesizer of a stream. It copies the weights of `synthesizer`, which it does not change."""

    @torch.inference_mode()
    def __init__(self, synthesizer: LightSynthesizer, noise: NoiseSource) -> None:
        self._synthesizer = synthesizer = for_few_rows(synthesizer)
        assert isinstance(synthesizer.decoder, SourceFilterDecoder)
        self._content = ConvolutionStream(synthesizer.content_projection)
        self._controls = ConvolutionStream(synthesizer.control_projection)
        self._decoder = SourceFilterStream(synthesizer.decoder, noise)

    def ready(self, n_frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of samples that `push` has returned after `n_frames` frames."""
        return self._decoder.ready(np.maximum(n_frames - self._content.right, 0), n_frames)

    @torch.inference_mode()
    def push(self, conditions: Conditions) -> Tensor:
        """Append T frames in a batch of 1, and return the samples (n,) that are now complete.

        The speaker of the conditions is one weight per speaker and frame. The bandwidth of the output is the lowest
        bandwidth of the speakers whose weight is above 0 in any of these frames.
        """
        synthesizer = self._synthesizer
        f0, voiced, speaker = conditions.f0, conditions.voiced, conditions.speaker
        assert conditions.loudness is not None
        if not f0.shape[1]:
            return f0[0]
        controls = control_values(f0, voiced, conditions.loudness)
        latent = self._content.push(conditions.content[0].T) + self._controls.push(controls[0].T)
        embedded = embed_speaker(synthesizer.speaker_embedding, speaker)[0].T
        bandwidth_hz = lowest_of(synthesizer.highest_hz, speaker)
        return self._decoder.push(latent, f0[0], voiced[0], embedded, bandwidth_hz)
