"""A stream in blocks of any size: gate, share of the voice, bypass and constant delay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from myna.audio.io import LARGEST_SAMPLE
from myna.conversion.precision import choose_precision
from myna.conversion.renderer import Renderer
from myna.conversion.settings import ConversionSettings
from myna.conversion.speaker_mix import TIMELINE_SUFFIXES
from myna.errors import ConfigError
from myna.features.extractor import FeatureExtractor
from myna.options import ConversionOptions
from myna.realtime.carried import CarriedConversion, can_carry
from myna.realtime.conversion import Conversion, with_fast_block
from myna.realtime.gate import FRAME_SECONDS, OPENING_SECONDS, Gate
from myna.realtime.interface import LiveSettings, Samples
from myna.realtime.windows import WindowedConversion
from myna.retrieval.speakers import SpeakerRetrieval
from myna.voice import Voice

Method = Literal["carried", "windows"]

# Lengths of blocks to choose from, in seconds.
_CARRIED_BLOCKS = 0.02, 0.04, 0.06, 0.1
_WINDOWED_BLOCKS = 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 1.6
_RAMP_SECONDS = 0.015  # duration of a change of the share of the voice, or of the bypass
_DEFAULTS, _LIVE_DEFAULTS = ConversionOptions(), LiveSettings()
# Options that need the whole recording.
_OF_RECORDINGS = ("auto_transpose", "autotune", "vibrato", "pitch")


class Stream:
    """`VoiceStream` that returns each output sample after a constant delay."""

    def __init__(
        self, voice: Voice, conversion: Conversion, resolved: ConversionSettings, settings: LiveSettings
    ) -> None:
        """
        Args:
            resolved: `settings` and the constant options, resolved for the voice.
        """
        self.sample_rate, self.delay_samples = conversion.sample_rate, conversion.delay_samples
        self.block_seconds = conversion.block_samples / conversion.sample_rate  # length of the converted parts
        self._voice, self._conversion = voice, conversion
        self._settings = settings, resolved  # one attribute, so that `change` replaces both at once
        early = round((OPENING_SECONDS + FRAME_SECONDS) * self.sample_rate)
        self._gate = Gate(self.sample_rate)
        self._wet, self._dry = (_Queue(self.delay_samples) for _ in range(2))
        # The gate opens before the sound begins, because the gains are known before the delayed sound.
        self._gains = _Queue(max(self.delay_samples - early, 0) + round(FRAME_SECONDS * self.sample_rate))
        slope = 1 / (_RAMP_SECONDS * self.sample_rate)
        self._wet_share, self._bypass = _Ramp(settings.dry_wet, slope), _Ramp(float(settings.bypass), slope)

    def change(self, settings: LiveSettings) -> None:
        """Apply new settings from the next block on, without a click. Any thread may call this.

        Raises:
            ConfigError: the voice does not support the settings; the current ones stay in use.
        """
        earlier = self._settings[1]
        resolved = _resolve(self._voice, earlier.options, settings, loaded=earlier.retrieval)
        self._settings = settings, resolved

    def push(self, block: Samples) -> Samples:
        """Append samples (n,) of the source, and return the same number of output samples; n may be any number.

        NaN and infinity are replaced by silence. The result may exceed full scale.
        """
        settings, resolved = self._settings
        n_samples = len(block)
        # A value that is not finite would stay in the networks' state.
        block = np.nan_to_num(block, posinf=0, neginf=0).clip(-LARGEST_SAMPLE, LARGEST_SAMPLE).astype(np.float32)
        self._dry.push(block)
        self._gains.push(self._gate.push(block, settings.gate_db))
        self._wet.push(self._conversion.push(block, resolved))
        dry, gains, wet = (queue.pop(n_samples) for queue in (self._dry, self._gains, self._wet))
        share, bypass = (
            self._wet_share.towards(settings.dry_wet, n_samples),
            self._bypass.towards(float(settings.bypass), n_samples),
        )
        mixed = gains * (share * wet + (1 - share) * dry)
        return np.asarray(bypass * dry + (1 - bypass) * mixed, np.float32)


def open_stream(
    voice: Voice,
    options: ConversionOptions = _DEFAULTS,
    settings: LiveSettings = _LIVE_DEFAULTS,
    block_seconds: float | None = None,
    device: str = "cpu",
    method: Method | None = None,
) -> Stream:
    """Open a stream that converts to a voice.

    Args:
        options: options that do not change; the transposition and the speakers are in `settings`.
        block_seconds: length of the parts of the source that are converted. Longer parts take less computation, but add
            to the delay. None selects, by measurement, the shortest length for which this computer is fast enough. The
            blocks that are pushed may have any size.
        device: torch device of the voice.
        method: "carried" differs from a file conversion only as listed in `CarriedConversion`, but has a delay of 0.6 s
            for the network's look-ahead; it is supported for light voices on the CPU. "windows" has a shorter delay,
            but needs more computation. None selects "carried" if it is supported.

    Raises:
        ConfigError: the voice does not support the options or settings, or an option needs the whole recording.
        AssetError, CheckpointError: the content encoder or the retrieval data cannot be loaded.
    """
    if unsupported := [name for name in _OF_RECORDINGS if getattr(options, name) != getattr(_DEFAULTS, name)]:
        raise ConfigError(f"{' and '.join(unsupported)} need the whole recording; leave them out of a live conversion")
    resolved = _resolve(voice, options, settings, device)
    resolved = replace(resolved, precision=choose_precision(options.precision, voice.synthesizer, device))
    extractor = FeatureExtractor(voice.config, device=device, precision=resolved.precision)
    is_supported = device == "cpu" and can_carry(voice, extractor.encoder, resolved)
    if method == "carried" and not is_supported:
        raise ConfigError(
            "the state is carried only for light voices, on the CPU, with the f0 method swift, without retrieval, "
            "formant shift and loudness mix; choose windows"
        )
    open_with: Callable[[float], Conversion]
    blocks_seconds: Sequence[float]
    if is_supported and method != "windows":
        open_with, blocks_seconds = partial(CarriedConversion, voice, resolved, extractor.encoder), _CARRIED_BLOCKS
    else:
        renderer = Renderer(voice, resolved, extractor, device)
        open_with, blocks_seconds = partial(WindowedConversion, renderer), _WINDOWED_BLOCKS
    if block_seconds is None:
        conversion = with_fast_block(blocks_seconds, open_with, resolved)
    else:
        conversion = open_with(block_seconds)
    return Stream(voice, conversion, resolved, settings)


def _resolve(
    voice: Voice,
    options: ConversionOptions,
    settings: LiveSettings,
    device: str = "cpu",
    loaded: SpeakerRetrieval | None = None,
) -> ConversionSettings:
    """Resolve the options for the voice, with the transposition and the speakers of `settings`."""
    mix = settings.speaker_mix
    if mix is not None and mix.lower().endswith(TIMELINE_SUFFIXES):
        raise ConfigError("a mix of speakers that changes over time needs a recording; give constant shares")
    options = replace(options, transpose=settings.transpose, speaker=settings.speaker, speaker_mix=mix)
    return ConversionSettings.resolve(voice.config, voice.path, options, device, loaded)


class _Queue:
    """Queue of samples, which at first contains silence of a given length."""

    def __init__(self, n_samples: int) -> None:
        self._samples = np.zeros(n_samples, np.float32)

    def push(self, samples: Samples) -> None:
        self._samples = np.concatenate([self._samples, samples])

    def pop(self, n_samples: int) -> Samples:
        first, self._samples = self._samples[:n_samples], self._samples[n_samples:]
        return first


class _Ramp:
    """A value that follows its target with limited slope."""

    def __init__(self, value: float, slope: float) -> None:
        self._value, self._slope = value, slope

    def towards(self, target: float, n_samples: int) -> Samples:
        """Return the values (n_samples,) of the next samples."""
        way = self._slope * np.arange(1, n_samples + 1)
        distance = target - self._value
        values = self._value + np.sign(distance) * np.minimum(way, abs(distance))
        if n_samples:
            self._value = float(values[-1])
        return np.asarray(values, np.float32)
