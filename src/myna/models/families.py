"""The networks that a configuration chooses from by name."""

from __future__ import annotations

from collections.abc import Callable

from myna.config import DataConfig, DiscriminatorKind, SynthesizerKind
from myna.models.discriminators.spectral import SpectralDiscriminators
from myna.models.discriminators.waveform import Discriminators, WaveformDiscriminators
from myna.models.synthesizers.light import LightSynthesizer
from myna.models.synthesizers.rvc import RvcSynthesizer
from myna.models.synthesizers.sovits3 import Sovits3Synthesizer
from myna.models.synthesizers.vits import Synthesizer

AnySynthesizer = Synthesizer | LightSynthesizer | RvcSynthesizer | Sovits3Synthesizer

SYNTHESIZERS: dict[SynthesizerKind, type[AnySynthesizer]] = {
    "vits": Synthesizer,
    "direct": LightSynthesizer,
    "rvc": RvcSynthesizer,
    "sovits3": Sovits3Synthesizer,
}
DISCRIMINATORS: dict[DiscriminatorKind, Callable[[DataConfig], Discriminators]] = {
    "waveform": lambda data: WaveformDiscriminators(),
    "spectrogram": lambda data: SpectralDiscriminators(data.sample_rate),
}
