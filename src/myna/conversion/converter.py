"""Conversion of whole recordings: plan, cut, render and join. Memory use does not depend on the recording's length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.audio.crossfade import ALIGNMENT_SECONDS, join
from myna.audio.headroom import CONVERSION_CEILING, attenuation_db, fitting_gain
from myna.audio.marking.embedding import marked
from myna.audio.marking.manifest import add_manifest
from myna.audio.marking.tags import conversion_tags
from myna.audio.preparation import prepared, without_rumble
from myna.audio.resample import resample_pieces
from myna.audio.slicing import Slice, measure_levels, plan_slices, windows
from myna.config import PitchRange
from myna.conversion.renderer import Renderer, SourceFacts
from myna.conversion.settings import ConversionSettings
from myna.conversion.transposition import shift_between
from myna.errors import AudioError
from myna.features.contour import pitch_range
from myna.features.extractor import FeatureExtractor
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import pause_level
from myna.options import DEFAULT_F0_METHOD, ConversionOptions, Engine
from myna.progress import Progress, silent
from myna.units import power_to_db
from myna.voice import Voice

Samples = NDArray[np.float32]
# Each call yields the whole prepared recording from its beginning, in mono blocks at the voice's sample rate.
Source = Callable[[], Iterator[Samples]]

_DEFAULTS = ConversionOptions()
_BLOCK_SAMPLES = 1 << 16
# Length of audio from which pitch is measured; the median pitch of a song settles long before its end.
_PITCH_SECONDS = 120.0
# Content encoders and f0 estimators need some context, even if `pad_seconds` is 0.
_SHORTEST_CHUNK_SECONDS = 0.5


@dataclass(frozen=True)
class ConversionSummary:
    """Facts about a finished conversion."""

    seconds: float  # length of the recording
    sounding_seconds: float  # length without silences
    n_slices: int
    transpose: float  # semitones, including the shift of --auto-transpose
    source_pitch: PitchRange | None  # pitch of the recording before the shift; None if nothing is voiced
    voice_pitch: PitchRange | None  # pitch of the voice's own recordings; None if the configuration lacks it
    lowered_seconds: float = 0.0  # notes above the voice's bounds of pitch, which are sung an octave lower
    raised_seconds: float = 0.0  # notes below them, which are sung an octave higher
    turned_down_db: float = 0.0  # attenuation of the whole result, which would exceed full scale; 0 if it does not


class Converted(NamedTuple):
    """Result of `Converter.convert`."""

    audio: Samples  # (N,), at the voice's sample rate
    summary: ConversionSummary


@dataclass
class _Plan:
    """Plan of one conversion; rendering fills `contours`, `lowered` and `raised`."""

    settings: ConversionSettings
    source: SourceFacts
    slices: list[Slice]
    n_samples: int
    contours: list[Samples] = field(default_factory=list)  # f0 in Hz of the source's voiced frames, one array per slice
    lowered: int = 0  # frames that are moved by octaves into the voice's bounds
    raised: int = 0


class Converter:
    """Converter of recordings to a voice.

    converter = Converter.load("logs/44k", "configs/44k/config.json")
    converter.convert_file("vocals.wav", "vocals.out.wav", ConversionOptions(transpose=12))
    """

    def __init__(self, voice: Voice, device: str = "cpu") -> None:
        self.voice = voice
        self.device = device
        self.sample_rate = voice.config.data.sample_rate
        self._extractor = FeatureExtractor(voice.config, device=device)
        # Settings of the last conversion, kept to reuse its retrieval data.
        self._settings: ConversionSettings | None = None

    @classmethod
    def load(
        cls,
        model: Path | str,
        config: Path | str | None = None,
        device: str = "cpu",
        engine: Engine | None = None,
    ) -> Self:
        """Load a voice.

        Args:
            model: a `G_*.pth`, the folder that contains it, or an exported voice; see `Voice.load`.
            config: the voice's `config.json`; None uses the file beside the model.
            device: torch device, for example "cuda:0".
            engine: PyTorch or ONNX Runtime; see `Voice.load`.

        Raises:
            CheckpointError, ConfigError: a file is absent or malformed, or the two do not fit each other.
        """
        return cls(Voice.load(model, config, device, engine), device)

    def check(self, options: ConversionOptions) -> ConversionSettings:
        """Resolve `options` and load what they need, so that a batch of files can fail before its first file.

        Raises:
            ConfigError: this voice does not support the options.
            AssetError: the voice's content encoder is not on this machine and cannot be fetched.
            CheckpointError: the chosen retrieval file contains no retrieval data.
        """
        loaded = self._settings.retrieval if self._settings is not None else None
        self._settings = ConversionSettings.resolve(self.voice.config, self.voice.path, options, self.device, loaded)
        _ = self._extractor.encoder
        return self._settings

    def convert(
        self,
        audio: Samples,
        sample_rate: int,
        options: ConversionOptions = _DEFAULTS,
        progress: Progress = silent,
    ) -> Converted:
        """Convert `audio`, (N,) in -1..1, and return the result with a summary.

        Returns:
            Audio of round(N * self.sample_rate / sample_rate) samples at `self.sample_rate`, all within full scale, and
            the summary.
        """
        audio = np.asarray(audio)
        if audio.ndim != 1 or audio.dtype.kind != "f":
            raise AudioError(f"audio must be floats of shape (N,) in -1..1; got {audio.dtype} of shape {audio.shape}")
        if not len(audio) or not np.isfinite(audio).all():
            raise AudioError("the audio contains NaN or infinity" if len(audio) else "the audio contains no samples")

        def source() -> Iterator[Samples]:
            parts = (audio[i : i + _BLOCK_SAMPLES] for i in range(0, len(audio), _BLOCK_SAMPLES))
            return without_rumble(resample_pieces(parts, sample_rate, self.sample_rate), self.sample_rate)

        plan = self._plan(source, source, options)
        sung = np.concatenate([np.empty(0, np.float32), *self._render(source, plan, progress, "audio")])
        gain = fitting_gain(float(np.abs(sung).max(initial=0.0)), CONVERSION_CEILING)
        return Converted(sung * np.float32(gain) if gain < 1 else sung, self._summary(plan, gain))

    def convert_file(
        self,
        input_path: Path | str,
        output_path: Path | str,
        options: ConversionOptions = _DEFAULTS,
        progress: Progress = silent,
    ) -> ConversionSummary:
        """Convert the recording `input_path`, in any format, and write it to `output_path` as wav, flac, mp3 or ogg.

        The output has the voice's sample rate and the input's length. It appears only when it is complete. If it would
        exceed full scale, it is turned down as a whole; the summary says by how much. Its tags say that it is a
        conversion, and with `options.mark` its sound too (see `audio.marking`).

        Raises:
            AudioError: the input cannot be read, or the output cannot be written.
            ConfigError: the voice does not support the options.
        """
        input_path, output_path = Path(input_path), Path(output_path)
        if output_path.exists() and input_path.exists() and output_path.samefile(input_path):
            raise AudioError(f"the result would overwrite the recording {input_path}; give it another name")
        source = partial(prepared, input_path, self.sample_rate, _BLOCK_SAMPLES)
        again = partial(source, warn=False)  # the first pass already logs the warnings
        tags = conversion_tags(self._voice_name(options), input_path)
        sign = partial(add_manifest, description=tags.comment, source=input_path)
        with io.Writer(output_path, self.sample_rate, tags=tags, ceiling=CONVERSION_CEILING, finish=sign) as writer:
            plan = self._plan(source, again, options)
            sung = self._render(again, plan, progress, input_path.name)
            for block in marked(sung, self.sample_rate) if options.mark else sung:
                writer.write(block)
        return self._summary(plan, writer.gain)

    def _voice_name(self, options: ConversionOptions) -> str:
        """Return the speaker and the file of the voice, for the tags of a conversion."""
        speakers = self.voice.config.speakers
        speaker = Path(options.speaker_mix).name if options.speaker_mix else options.speaker
        speaker = speaker or min(speakers, key=lambda name: speakers[name], default="")
        return f"{speaker} ({self.voice.path.name})" if speaker else self.voice.path.name

    def _plan(self, source: Source, again: Source, options: ConversionOptions) -> _Plan:
        settings = self.check(options)
        levels = measure_levels(source(), self.sample_rate)
        slices = plan_slices(
            levels,
            self.sample_rate,
            silence_db=options.silence_db,
            absolute=options.absolute_silence,
            min_silence_seconds=options.min_silence_seconds,
            max_seconds=options.max_chunk_seconds,
        )
        transpose = options.transpose + self._shift_into_range(again, slices, settings)
        pause_db = pause_level(power_to_db(levels.smooth + 1e-12)) if settings.softening_db else None
        return _Plan(settings, SourceFacts(transpose, pause_db), slices, levels.n_samples)

    def _render(self, source: Source, plan: _Plan, progress: Progress, title: str) -> Iterator[Samples]:
        """Convert the planned recording, and yield it in blocks of one second."""
        renderer = Renderer(self.voice, plan.settings, self._extractor, self.device)
        ranges = [self._with_context(piece, plan.settings.options.pad_seconds) for piece in plan.slices]
        chunks = windows(source(), ranges)

        hop = self.voice.config.data.hop_length

        def sounds() -> Iterator[tuple[Samples, int]]:
            for piece, (start, _), chunk in zip(plan.slices, ranges, chunks, strict=True):
                noise = plan.settings.noise_at(piece.start, self.device)
                rendered = renderer.render(chunk, start, noise, plan.source)
                plan.contours.append(rendered.source_f0)
                first = (piece.start - start + piece.overlap) // hop
                moved = rendered.moved[first : (piece.end - start) // hop]  # without the context
                plan.lowered += int((moved < 0).sum())
                plan.raised += int((moved > 0).sum())
                yield rendered.audio, piece.start - start

        joined = join(plan.slices, sounds(), plan.n_samples, self.sample_rate)
        seconds = io.rebuffer(joined, self.sample_rate)
        total = math.ceil(plan.n_samples / self.sample_rate)
        return progress(seconds, title=title, total=total, unit=" s sung")

    def _with_context(self, piece: Slice, pad_seconds: float) -> tuple[int, int]:
        """Return the (start, end) of the chunk that is rendered for a slice, in samples.

        Chunks consist of whole frames on one grid for the whole recording. Their length is rounded up to one of four
        lengths per octave: oneDNN compiles and keeps code for each new length, which took 2.4 GB more for a song of 12
        minutes than for its first minute.
        """
        hop = self.voice.config.data.hop_length
        short = round(_SHORTEST_CHUNK_SECONDS * self.sample_rate) - piece.n_samples
        pad = max(round(max(pad_seconds, ALIGNMENT_SECONDS) * self.sample_rate), -(-short // 2))
        first = (piece.start - pad) // hop
        n_frames = -(-(piece.end + pad) // hop) - first
        step = max(1 << (n_frames.bit_length() - 3), 1)
        return first * hop, (first + -(-n_frames // step) * step) * hop

    def _shift_into_range(self, source: Source, slices: list[Slice], settings: ConversionSettings) -> float:
        """Return the shift in semitones from the recording's median pitch to the voice's, in the steps of the options.

        It is 0 without `auto_transpose`, or if one of the two is unknown.
        """
        voice_pitch, options = settings.voice_pitch, settings.options
        if not options.auto_transpose or voice_pitch is None:
            return 0.0
        total = sum(piece.n_samples for piece in slices) / self.sample_rate
        ranges = [self._with_context(piece, 0) for piece in slices[:: math.ceil(total / _PITCH_SECONDS) or 1]]
        estimate = F0_ESTIMATORS[DEFAULT_F0_METHOD]
        hop = self.voice.config.data.hop_length
        contours = [estimate(chunk, self.sample_rate, hop, self.device) for chunk in windows(source(), ranges)]
        source_pitch = _range_of(contours)
        return 0.0 if source_pitch is None else shift_between(source_pitch, voice_pitch, options.transpose_step)

    def _summary(self, plan: _Plan, gain: float) -> ConversionSummary:
        return ConversionSummary(
            seconds=plan.n_samples / self.sample_rate,
            sounding_seconds=sum(piece.n_samples - piece.overlap for piece in plan.slices) / self.sample_rate,
            n_slices=len(plan.slices),
            transpose=plan.source.transpose,
            source_pitch=_range_of(plan.contours),
            voice_pitch=plan.settings.voice_pitch,
            lowered_seconds=plan.lowered * self.voice.config.data.hop_length / self.sample_rate,
            raised_seconds=plan.raised * self.voice.config.data.hop_length / self.sample_rate,
            turned_down_db=attenuation_db(gain),
        )


def _range_of(contours: list[Samples]) -> PitchRange | None:
    """Return the pitch range of the voiced frames in all `contours` (Hz); None if no frame is voiced."""
    return pitch_range(np.concatenate([np.empty(0, np.float32), *contours]))
