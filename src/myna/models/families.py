"""The networks that a configuration chooses from by name."""

from __future__ import annotations

from collections.abc import Callable

from myna.config import DataConfig, DiscriminatorKind, SynthesizerKind
from myna.models.direct import DirectSynthesizer
from myna.models.discriminators import Discriminators, WaveformDiscriminators
from myna.models.rvc import RvcSynthesizer
from myna.models.sovits3 import Sovits3Synthesizer
from myna.models.spectral_discriminators import SpectralDiscriminators
from myna.models.synthesizer import Synthesizer

AnySynthesizer = Synthesizer | DirectSynthesizer | RvcSynthesizer | Sovits3Synthesizer

SYNTHESIZERS: dict[SynthesizerKind, type[AnySynthesizer]] = {
    "vits": Synthesizer,
    "direct": DirectSynthesizer,
    "rvc": RvcSynthesizer,
    "sovits3": Sovits3Synthesizer,
}
DISCRIMINATORS: dict[DiscriminatorKind, Callable[[DataConfig], Discriminators]] = {
    "waveform": lambda data: WaveformDiscriminators(),
    "spectrogram": lambda data: SpectralDiscriminators(data.sample_rate),
}
