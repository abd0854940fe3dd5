"""Tables of the networks that a configuration selects by name."""

from __future__ import annotations

from collections.abc import Callable

from myna.config import DataConfig, DiscriminatorKind, SynthesizerKind
from myna.models.discriminators.spectral import SpectralDiscriminators
from myna.models.discriminators.waveform import WaveformDiscriminators
from myna.models.interface import Discriminators, SynthesizerModule
from myna.models.synthesizers.light import LightSynthesizer
from myna.models.synthesizers.rvc import RvcSynthesizer
from myna.models.synthesizers.sovits3 import Sovits3Synthesizer
from myna.models.synthesizers.trainable_vocoder import TrainableVocoder
from myna.models.synthesizers.vits import Vits

SYNTHESIZERS: dict[SynthesizerKind, type[SynthesizerModule]] = {
    "vits": Vits,
    "direct": LightSynthesizer,
    "rvc": RvcSynthesizer,
    "sovits3": Sovits3Synthesizer,
    "vocoder": TrainableVocoder,
}
DISCRIMINATORS: dict[DiscriminatorKind, Callable[[DataConfig], Discriminators]] = {
    "waveform": lambda data: WaveformDiscriminators(),
    "spectrogram": lambda data: SpectralDiscriminators(data.sample_rate),
}
