"""Conversion of whole recordings: plan, cut, render and join. Memory use does not depend on the recording's length."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
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
from myna.audio.slicing import Slice, measure_levels, phrases_between, plan_slices, slices_between, windows
from myna.config import PitchRange
from myna.conversion.precision import choose_precision
from myna.conversion.renderer import Extractor, Rendered, Renderer, SourceFacts
from myna.conversion.settings import ConversionSettings
from myna.conversion.slice_cache import CachedExtractor, SliceCache, digest
from myna.conversion.transposition import shift_between
from myna.errors import AudioError
from myna.features.contour import pitch_range, transpose
from myna.features.extractor import FeatureExtractor
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import pause_level
from myna.features.notes import find_notes, find_scale
from myna.features.pitch_edits import PitchEdits
from myna.options import DEFAULT_F0_METHOD, ComputePrecision, ConversionOptions, Engine
from myna.progress import Progress, silent
from myna.scales import Scale
from myna.units import power_to_db
from myna.voice import Voice

_log = logging.getLogger(__name__)

Samples = NDArray[np.float32]
# Function that returns the whole prepared recording, in mono blocks at the voice's sample rate, from the beginning.
Source = Callable[[], Iterator[Samples]]

_DEFAULTS = ConversionOptions()
_BLOCK_SAMPLES = 1 << 16
# Total length of the slices from which pitch is measured: the median pitch of a song needs no more.
_PITCH_SECONDS = 120.0
# Content encoders and f0 estimators need this length, even if `pad_seconds` is 0.
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
    lowered_seconds: float = 0.0  # length of notes above the voice's bounds of pitch, which are moved down by octaves
    raised_seconds: float = 0.0  # length of notes below these bounds, which are moved up by octaves
    turned_down_db: float = 0.0  # attenuation of the whole result to stay within full scale; 0 if not needed
    key: str | None = None  # key to which --autotune moved the notes, for example "F#m"
    precision: ComputePrecision = "fp32"  # precision of the decoder and of HuBERT encoders


class Converted(NamedTuple):
    """Result of `Converter.convert`."""

    audio: Samples  # (N,), at the voice's sample rate
    summary: ConversionSummary


@dataclass(frozen=True)
class SongPitch:
    """Output pitch of a conversion."""

    seconds: float  # length of the recording
    frame_seconds: float  # the centre of frame t is at (t + 0.5) * frame_seconds
    f0: Samples  # (T,) Hz, 0 where unvoiced or silent
    unedited_f0: Samples  # (T,) `f0` without the pitch edits
    transpose: float  # semitones, including the shift of --auto-transpose
    key: str | None  # key to which --autotune moved the notes


@dataclass
class _Plan:
    """Plan of one conversion; rendering fills `contours`, `lowered` and `raised`."""

    settings: ConversionSettings
    source: SourceFacts
    slices: list[Slice]
    n_samples: int
    contours: list[Samples] = field(default_factory=list)  # f0 in Hz of the source's voiced frames, one array per slice
    lowered: int = 0  # number of frames that are moved down by octaves into the voice's bounds
    raised: int = 0


class Converter:
    """Converter of recordings to a voice.

    converter = Converter.load("logs/44k", "configs/44k/config.json")
    converter.convert_file("vocals.wav", "vocals.out.wav", ConversionOptions(transpose=12))
    """

    def __init__(self, voice: Voice, device: str = "cpu", cache: SliceCache | None = None) -> None:
        """
        Args:
            cache: cache in memory, for this converter only. With it, conversions reuse prepared recordings, features
                and slices of earlier conversions. The samples are the same as without it.
        """
        self.voice = voice
        self.device = device
        self.sample_rate = voice.config.data.sample_rate
        self.cache = cache
        self._features = FeatureExtractor(voice.config, device=device)
        self._extractor: Extractor = self._cached(self._features)
        self._precision: ComputePrecision = "fp32"  # precision of the extractor
        # Settings of the last conversion, because the next one may reuse its retrieval data.
        self._settings: ConversionSettings | None = None

    @classmethod
    def load(
        cls,
        model: Path | str,
        config: Path | str | None = None,
        device: str = "cpu",
        engine: Engine | None = None,
        cache: SliceCache | None = None,
    ) -> Self:
        """Load a voice.

        Args:
            model: a `G_*.pth`, the folder that contains it, or an exported voice; see `Voice.load`.
            config: the voice's `config.json`; None uses the file beside the model.
            device: torch device, for example "cuda:0".
            engine: PyTorch or ONNX Runtime; see `Voice.load`.
            cache: see `Converter`.

        Raises:
            CheckpointError, ConfigError: a file is absent or malformed, or the configuration does not fit the weights.
        """
        return cls(Voice.load(model, config, device, engine), device, cache)

    def check(self, options: ConversionOptions) -> ConversionSettings:
        """Resolve `options` and load the files that they need, so that a batch can fail before its first file.

        Raises:
            ConfigError: this voice or the device does not support the options.
            AssetError: the voice's content encoder is not on this machine and cannot be downloaded.
            CheckpointError: the chosen retrieval file contains no retrieval data.
        """
        loaded = self._settings.retrieval if self._settings is not None else None
        settings = ConversionSettings.resolve(self.voice.config, self.voice.path, options, self.device, loaded)
        precision = choose_precision(options.precision, self.voice.synthesizer, self.device)
        if precision != self._precision:
            self._features = FeatureExtractor(self.voice.config, device=self.device, precision=precision)
            self._extractor, self._precision = self._cached(self._features), precision
        _ = self._features.encoder
        self._settings = replace(settings, precision=precision)
        return self._settings

    def _cached(self, extractor: FeatureExtractor) -> Extractor:
        return extractor if self.cache is None else CachedExtractor(extractor, self.cache)

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
        if not len(audio):
            raise AudioError("the audio contains no samples")
        if not (np.abs(audio) <= io.LARGEST_SAMPLE).all():  # False for NaN
            raise AudioError("the audio contains NaN, infinity or samples far beyond full scale")

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
        """Convert the recording `input_path`, in any format, to `output_path`, in a format of `io.WRITABLE_SUFFIXES`.

        The output has the input's length and the voice's sample rate or, if its format does not store this rate, the
        nearest suitable rate. The file appears when it is complete. A sound that would exceed full scale is attenuated
        as a whole; the summary contains the attenuation. The file's tags state that it is a conversion. With
        `options.mark`, the sound has the mark too (see `audio.marking`).

        Raises:
            AudioError: the input cannot be read, or the output cannot be written.
            ConfigError: the voice does not support the options.
        """
        input_path, output_path = Path(input_path), Path(output_path)
        if output_path.exists() and input_path.exists() and output_path.samefile(input_path):
            raise AudioError(f"the result would overwrite the recording {input_path}; give it another name")
        source, again = self._recording(input_path)
        rate = io.storable_rate(output_path, self.sample_rate)
        tags = conversion_tags(self.voice_name(options), input_path)
        sign = partial(add_manifest, description=tags.comment, source=input_path)
        with io.Writer(output_path, rate, tags=tags, ceiling=CONVERSION_CEILING, finish=sign) as writer:
            plan = self._plan(source, again, options)
            sung = resample_pieces(self._render(again, plan, progress, input_path.name), self.sample_rate, rate)
            for block in marked(sung, rate) if options.mark else sung:
                writer.write(block)
        return self._summary(plan, writer.gain)

    def convert_stretch(
        self, input_path: Path | str, start: float, end: float, options: ConversionOptions = _DEFAULTS
    ) -> Samples:
        """Convert a recording between two times in seconds, and return the samples (N,).

        The samples equal those of `convert_file`, apart from its attenuation and the mark. Only the slices that
        determine these samples are converted.

        Raises:
            AudioError, ConfigError: for the same reasons as in `convert_file`.
        """
        source, again = self._recording(Path(input_path))
        plan = self._plan(source, again, options)
        first, last = (min(max(round(time * self.sample_rate), 0), plan.n_samples) for time in (start, end))
        plan.slices = slices_between(plan.slices, first, last)
        return self._samples(again, plan, first, last)

    def convert_phrases(
        self, input_path: Path | str, start: float, end: float, options: ConversionOptions = _DEFAULTS
    ) -> tuple[int, Samples]:
        """Convert the phrases of a recording that overlap a stretch, given in seconds.

        Phrases begin and end in silence, so a pitch edit within the stretch changes no sample outside these phrases.

        Returns:
            The position of the phrases' first sample in the recording, and their samples (N,). These equal the samples
            of `convert_file`, apart from its attenuation and the mark. N is 0 if the stretch is silent.

        Raises:
            AudioError, ConfigError: for the same reasons as in `convert_file`.
        """
        source, again = self._recording(Path(input_path))
        plan = self._plan(source, again, options)
        plan.slices = phrases_between(plan.slices, round(start * self.sample_rate), round(end * self.sample_rate))
        if not plan.slices:
            return 0, np.empty(0, np.float32)
        return plan.slices[0].start, self._samples(again, plan, plan.slices[0].start, plan.slices[-1].end)

    def pitch(
        self, input_path: Path | str, options: ConversionOptions = _DEFAULTS, progress: Progress = silent
    ) -> SongPitch:
        """Return the output pitch of a conversion, with and without the pitch edits.

        Raises:
            AudioError, ConfigError: for the same reasons as in `convert_file`.
        """
        input_path = Path(input_path)
        source, again = self._recording(input_path)
        plan = self._plan(source, again, options)
        hop = self.voice.config.data.hop_length
        edited, unedited = np.zeros((2, -(-plan.n_samples // hop)), np.float32)
        renderer = self._renderer(plan.settings)
        plain = self._renderer(replace(plan.settings, edits=PitchEdits()))
        chunks = self._chunks(again, plan)
        for piece, start, chunk in progress(chunks, title=f"pitch of {input_path.name}", total=len(plan.slices)):
            features = renderer.features(chunk, plan.source)
            frames = slice(piece.start // hop, -(-piece.end // hop))
            inside = slice(frames.start - start // hop, frames.stop - start // hop)
            edited[frames] = renderer.pitch(features, start, plan.source).f0[inside]
            unedited[frames] = plain.pitch(features, start, plan.source).f0[inside]
        key = plan.source.scale.name if plan.source.scale is not None else None
        seconds, step = plan.n_samples / self.sample_rate, hop / self.sample_rate
        return SongPitch(seconds, step, edited, unedited, plan.source.transpose, key)

    def _recording(self, path: Path) -> tuple[Source, Source]:
        """Return two sources of a recording; only the first one logs warnings. A short recording is cached."""
        source = partial(prepared, path, self.sample_rate, _BLOCK_SAMPLES)
        again = partial(source, warn=False)
        if self.cache is None or io.info(path).seconds * self.sample_rate * 4 > self.cache.max_bytes / 4:
            return source, again
        status = path.stat()
        key = "recording", path.absolute(), status.st_size, status.st_mtime_ns
        audio = self.cache.get(key, lambda: np.concatenate([np.empty(0, np.float32), *source()]))

        def kept() -> Iterator[Samples]:
            return (audio[i : i + _BLOCK_SAMPLES] for i in range(0, len(audio), _BLOCK_SAMPLES))

        return kept, kept

    def voice_name(self, options: ConversionOptions) -> str:
        """Return the speaker and the file name of the voice, for the tags of a conversion."""
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
        contours = self._contours(again, slices, settings)
        shift = options.transpose + self._shift_into_range(contours, settings)
        facts = SourceFacts(
            shift,
            pause_level(power_to_db(levels.smooth + 1e-12)) if settings.softening_db else None,
            scale=self._scale(contours, shift, settings),
        )
        seconds = levels.n_samples / self.sample_rate
        if outside := sum(edit.start >= seconds for edit in settings.edits.edits):
            _log.warning("pitch edits after the end of the recording (%.1f s) are ignored: %d", seconds, outside)
        return _Plan(settings, facts, slices, levels.n_samples)

    def _render(self, source: Source, plan: _Plan, progress: Progress, title: str) -> Iterator[Samples]:
        """Convert the planned recording, and yield it in blocks of one second."""
        renderer = self._renderer(plan.settings)
        hop = self.voice.config.data.hop_length

        def sounds() -> Iterator[tuple[Samples, int]]:
            for piece, start, chunk in self._chunks(source, plan):
                rendered = self._rendered(renderer, plan, piece, start, chunk)
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

    def _samples(self, source: Source, plan: _Plan, first: int, last: int) -> Samples:
        """Render the planned slices, and return the samples [first, last) of the recording."""
        return next(windows(self._render(source, plan, silent, ""), [(first, max(last, first))]))

    def _renderer(self, settings: ConversionSettings) -> Renderer:
        return Renderer(self.voice, settings, self._extractor, self.device)

    def _chunks(self, source: Source, plan: _Plan) -> Iterator[tuple[Slice, int, Samples]]:
        """Yield each planned slice with the position of its chunk's first sample in the recording, and the chunk."""
        ranges = [self._with_context(piece, plan.settings.options.pad_seconds) for piece in plan.slices]
        for piece, (start, _), chunk in zip(plan.slices, ranges, windows(source(), ranges), strict=True):
            yield piece, start, chunk

    def _rendered(self, renderer: Renderer, plan: _Plan, piece: Slice, start: int, chunk: Samples) -> Rendered:
        """Convert the chunk of a slice, or take it from the cache."""
        settings = plan.settings

        def render() -> Rendered:
            return renderer.render(chunk, start, settings.noise_at(piece.start, self.device), plan.source)

        if self.cache is None:
            return render()
        edits = settings.edits.within(start / self.sample_rate, (start + len(chunk)) / self.sample_rate)
        return self.cache.get(("sound", digest(chunk), start, piece.start, settings.key, plan.source, edits), render)

    def _with_context(self, piece: Slice, pad_seconds: float) -> tuple[int, int]:
        """Return the (start, end) of the chunk that is rendered for a slice, in samples.

        Chunks consist of whole frames on one grid for the whole recording. Their length is rounded up to one of four
        lengths per octave: oneDNN compiles code for each new length and keeps it in memory. Without rounding, the
        compiled code took 2.4 GB more for a song of 12 minutes than for its first minute.
        """
        hop = self.voice.config.data.hop_length
        short = round(_SHORTEST_CHUNK_SECONDS * self.sample_rate) - piece.n_samples
        pad = max(round(max(pad_seconds, ALIGNMENT_SECONDS) * self.sample_rate), -(-short // 2))
        first = (piece.start - pad) // hop
        n_frames = -(-(piece.end + pad) // hop) - first
        step = max(1 << (n_frames.bit_length() - 3), 1)
        return first * hop, (first + -(-n_frames // step) * step) * hop

    def _contours(self, source: Source, slices: list[Slice], settings: ConversionSettings) -> list[Samples]:
        """Return the f0 (T,) in Hz of slices with a total of about two minutes; an empty list if no option needs it."""
        finds_key = settings.autotune is not None and settings.autotune.scale is None
        if not finds_key and (not settings.options.auto_transpose or settings.voice_pitch is None):
            return []
        total = sum(piece.n_samples for piece in slices) / self.sample_rate
        ranges = [self._with_context(piece, 0) for piece in slices[:: math.ceil(total / _PITCH_SECONDS) or 1]]
        estimate = F0_ESTIMATORS[DEFAULT_F0_METHOD]
        hop = self.voice.config.data.hop_length
        return [estimate(chunk, self.sample_rate, hop, self.device) for chunk in windows(source(), ranges)]

    def _shift_into_range(self, contours: list[Samples], settings: ConversionSettings) -> float:
        """Return the shift in semitones from the recording's median pitch to the voice's, in steps of `transpose_step`.

        It is 0 without `auto_transpose`, or if either pitch is unknown.
        """
        voice_pitch, options, source_pitch = settings.voice_pitch, settings.options, _range_of(contours)
        if not options.auto_transpose or voice_pitch is None or source_pitch is None:
            return 0.0
        return shift_between(source_pitch, voice_pitch, options.transpose_step)

    def _scale(self, contours: list[Samples], shift: float, settings: ConversionSettings) -> Scale | None:
        """Return the key to which notes are moved: the given key, or the estimated key of the transposed contours."""
        if settings.autotune is None:
            return None
        if settings.autotune.scale is not None:
            return settings.autotune.scale
        step = self.voice.config.data.hop_length / self.sample_rate
        return find_scale(note for contour in contours for note in find_notes(transpose(contour, shift), step))

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
            key=plan.source.scale.name if plan.source.scale is not None else None,
            precision=plan.settings.precision,
        )


def _range_of(contours: list[Samples]) -> PitchRange | None:
    """Return the pitch range of the voiced frames in all `contours` (Hz); None if no frame is voiced."""
    return pitch_range(np.concatenate([np.empty(0, np.float32), *contours]))
