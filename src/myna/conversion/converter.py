"""A recording through the line: slice, extract, generate, join, in memory that does not grow with the recording."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.audio import io
from myna.audio.crossfade import ALIGNMENT_SECONDS, join
from myna.audio.resample import resample_pieces
from myna.audio.slicing import Slice, measure_levels, plan_slices, windows
from myna.config import PitchRange
from myna.conversion.speaker_mix import SpeakerMix
from myna.errors import AudioError, CheckpointError, ConfigError, MynaError
from myna.features.contour import fill_unvoiced, pitch_range
from myna.features.extractor import FeatureExtractor
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import pause_level, soften_pauses
from myna.models.families import SYNTHESIZERS
from myna.options import DEFAULT_F0_METHOD, ConversionOptions, Engine, TransposeStep
from myna.progress import Progress, silent
from myna.retrieval.search import blend
from myna.retrieval.speakers import SpeakerRetrieval, require_retrieval
from myna.units import ratio_to_semitones, semitones_to_ratio
from myna.voice import Voice

Samples = NDArray[np.float32]
# Gives a recording anew each time it is called: in pieces, mono, at the voice's rate.
Source = Callable[[], Iterator[Samples]]

_DEFAULTS = ConversionOptions()
_BLOCK_SAMPLES = 1 << 16
# Content encoders and f0 estimators want some context, whatever `pad_seconds` says.
_SHORTEST_CHUNK_SECONDS = 0.5
# Of the noise in a source's pauses: what a voice takes for breath that never heard noise when it learned.
_USUAL_SOFTENING_DB = 15.0
# The median pitch of a song is settled long before it ends.
_PITCH_SECONDS = 120.0
_PITCH_RATE, _PITCH_HOP = 16000, 160  # what Swift hears by itself
# People sing above where they speak, and the lowest note that a bass is asked for is E2, 82 Hz. Of seven songs in 24
# men's voices every fifth would lie lower: an octave up, those are rated 0.54 better (DNSMOS), 0.06 less like them.
_DEEPEST_SONG_HZ = 90.0


@dataclass(frozen=True)
class ConversionSummary:
    """What was converted."""

    seconds: float  # of the recording
    sounding_seconds: float  # of it, what was not silence
    n_slices: int
    transpose: float  # semitones, with what --auto-transpose added
    source_pitch: PitchRange | None  # of the recording, before the shift; None where nothing is voiced
    voice_pitch: PitchRange | None  # where the voice's own recordings lie, if it is stored


@dataclass
class _Plan:
    """How one recording is converted; `pitches` fills while it is."""

    slices: list[Slice]
    n_samples: int
    transpose: float
    pause_db: float | None  # how loud the source's pauses are, where they are to be softened
    mix: SpeakerMix | None
    pitches: list[Samples] = field(default_factory=list)  # voiced frames of the source, Hz, one array a slice


class Converter:
    """A voice, ready to sing recordings.

    converter = Converter.load("logs/44k", "configs/44k/config.json")
    converter.convert_file("vocals.wav", "vocals.out.wav", ConversionOptions(transpose=12))
    """

    def __init__(self, voice: Voice, device: str = "cpu") -> None:
        self.voice = voice
        self.device = device
        self.sample_rate = voice.config.data.sample_rate
        self._extractor = FeatureExtractor(voice.config, device=device)
        self._retrieval: SpeakerRetrieval | None = None  # those that were asked for last

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
            model: a `G_*.pth`, or the folder that holds it, or an exported voice.
            config: its `config.json`; the one beside the model where none is given.
            device: where it sings, as PyTorch names it.
            engine: what sings; see `Voice.load`.

        Raises:
            CheckpointError, ConfigError: a file is not there, not what it should be, or the two do not fit.
        """
        return cls(Voice.load(model, config, device, engine), device)

    def check(self, options: ConversionOptions) -> None:
        """Load what `options` need, so that a batch fails before its first file and not at each.

        Raises:
            ConfigError: this voice cannot do what they ask.
            AssetError: its content encoder is not on this machine and cannot be fetched.
            CheckpointError: the cluster model or index is none.
        """
        config = self.voice.config
        rows = self._rows(options)
        if options.auto_predict_f0 and not config.model.predict_f0:
            raise ConfigError("this voice cannot predict pitch; leave --auto-predict-f0 out")
        if options.auto_transpose and self.voice_pitch(options) is None:
            raise ConfigError(
                "this voice does not say where its pitch lies ('svc pre-hubert' stores it in config.json); "
                "choose the shift with --transpose"
            )
        if options.cluster_infer_ratio:
            timbres = self._find_retrieval(options)
            for row in rows:
                timbres.of(row)
        self._extractor.f0_method = options.f0_method
        _ = self._extractor.encoder

    def voice_pitch(self, options: ConversionOptions) -> PitchRange | None:
        """Where the recordings of the speaker that `options` choose (most of) lie in pitch, if the voice says so."""
        config = self.voice.config
        speaker = self._rows(options)[0]
        names = [name for name, row in config.speakers.items() if row == speaker]
        return next((config.pitch[name] for name in names if name in config.pitch), None)

    def convert(self, audio: Samples, sample_rate: int, options: ConversionOptions = _DEFAULTS) -> Samples:
        """Sing `audio` (N,) in -1..1.

        Returns:
            round(N * self.sample_rate / sample_rate) samples at `self.sample_rate`.
        """
        audio = np.asarray(audio)
        if audio.ndim != 1 or audio.dtype.kind != "f":
            raise AudioError(f"audio must be floats of shape (N,) in -1..1; got {audio.dtype} of shape {audio.shape}")
        if not len(audio) or not np.isfinite(audio).all():
            raise AudioError("the audio holds NaN or infinity" if len(audio) else "the audio holds no samples")

        def source() -> Iterator[Samples]:
            parts = (audio[i : i + _BLOCK_SAMPLES] for i in range(0, len(audio), _BLOCK_SAMPLES))
            return resample_pieces(parts, sample_rate, self.sample_rate)

        plan = self._plan(source, source, options)
        return np.concatenate([np.empty(0, np.float32), *self._render(source, plan, options)])

    def convert_file(
        self,
        input_path: Path | str,
        output_path: Path | str,
        options: ConversionOptions = _DEFAULTS,
        progress: Progress = silent,
    ) -> ConversionSummary:
        """Sing the recording `input_path` of any format into `output_path`: wav, flac, mp3 or ogg.

        The output appears when it is whole, at the voice's sample rate, and as long as the input.

        Raises:
            AudioError: the input cannot be read, or the output cannot be written.
            ConfigError: the voice cannot do what `options` ask.
        """
        input_path, output_path = Path(input_path), Path(output_path)
        if output_path.exists() and input_path.exists() and output_path.samefile(input_path):
            raise AudioError(f"the result would overwrite the recording {input_path}; give it another name")
        source = partial(io.blocks, input_path, self.sample_rate, _BLOCK_SAMPLES)
        again = partial(source, warn=False)  # what the first pass warned of need not be said twice
        with io.Writer(output_path, self.sample_rate) as writer:
            plan = self._plan(source, again, options)
            seconds = io.rebuffer(self._render(again, plan, options), self.sample_rate)
            total = math.ceil(plan.n_samples / self.sample_rate)
            for block in progress(seconds, title=input_path.name, total=total, unit=" s sung"):
                writer.write(block)
        return self._summary(plan, options)

    def _plan(self, source: Source, again: Source, options: ConversionOptions) -> _Plan:
        self.check(options)
        levels = measure_levels(source(), self.sample_rate)
        slices = plan_slices(
            levels,
            self.sample_rate,
            silence_db=options.silence_db,
            absolute=options.absolute_silence,
            min_silence_seconds=options.min_silence_seconds,
            max_seconds=options.max_chunk_seconds,
        )
        transpose = options.transpose + self._shift_into_range(again, slices, options)
        pause_db = pause_level(10 * np.log10(levels.smooth + 1e-12)) if self._softening(options) else None
        return _Plan(slices, levels.n_samples, transpose, pause_db, self._mix(options))

    def _render(self, source: Source, plan: _Plan, options: ConversionOptions) -> Iterator[Samples]:
        """The whole song in blocks."""
        ranges = [self._with_context(piece, options.pad_seconds) for piece in plan.slices]
        chunks = windows(source(), ranges)

        def sounds() -> Iterator[tuple[Samples, int]]:
            for piece, (start, _), chunk in zip(plan.slices, ranges, chunks, strict=True):
                yield self._sing(chunk, start, piece, plan, options), piece.start - start

        return join(plan.slices, sounds(), plan.n_samples, self.sample_rate)

    @torch.inference_mode()
    def _sing(self, chunk: Samples, start: int, piece: Slice, plan: _Plan, options: ConversionOptions) -> Samples:
        """Sing one slice with its context, which begins at the sample `start`: as many samples as it has."""
        features = self._extractor(chunk)
        plan.pitches.append(features.f0[features.voiced].cpu().numpy())
        features = features.transposed(plan.transpose)
        if plan.pause_db is not None:
            softer = soften_pauses(features.loudness, plan.pause_db, self._softening(options))
            features = replace(features, loudness=softer)
        speaker = self._speaker(start, features.n_frames, plan.mix, options).to(self.device)
        content = features.content.to(self.device)
        if options.cluster_infer_ratio:
            content = self._with_retrieval(content, features.voiced.to(self.device), speaker, options)
        try:
            generated = self.voice.synthesizer.generate(
                content[None],
                fill_unvoiced(features.f0)[None].to(self.device),
                features.voiced[None].to(self.device),
                speaker,
                features.loudness[None].to(self.device),
                noise_scale=self._noise_scale(options),
                predict_f0=options.auto_predict_f0,
                generator=self._generator(options.seed, piece.start),
            )
        except torch.OutOfMemoryError as error:
            raise MynaError(
                f"{self.device} has too little memory for {len(chunk) / self.sample_rate:.0f} s at once; "
                "lower --max-chunk-seconds"
            ) from error
        sung = generated.audio[0, 0].float().cpu().numpy()
        if not np.isfinite(sung).all():
            raise CheckpointError(f"{self.voice.path} sings NaN: its weights are damaged")
        return sung

    def _mix(self, options: ConversionOptions) -> SpeakerMix | None:
        return SpeakerMix.parse(options.speaker_mix, self.voice.config) if options.speaker_mix is not None else None

    def _rows(self, options: ConversionOptions) -> list[int]:
        """Who sings, by their rows in the speaker embedding; who sings most comes first."""
        mix = self._mix(options)
        return mix.rows if mix is not None else [self.voice.config.speaker_id(options.speaker)]

    def _speaker(self, start: int, n_frames: int, mix: SpeakerMix | None, options: ConversionOptions) -> Tensor:
        """Who sings the frames from the sample `start` on, as the synthesizer takes it."""
        if mix is None:
            return torch.tensor([self.voice.config.speaker_id(options.speaker)])
        middles = start + (np.arange(n_frames) + 0.5) * self.voice.config.data.hop_length
        return torch.from_numpy(mix.at(middles / self.sample_rate))[None]

    def _noise_scale(self, options: ConversionOptions) -> float:
        usual = SYNTHESIZERS[self.voice.config.model.synthesizer].usual_noise_scale
        return usual if options.noise_scale is None else options.noise_scale

    def _softening(self, options: ConversionOptions) -> float:
        """By how many dB the noise in pauses is softened."""
        config = self.voice.config
        if not config.model.loudness_embedding:
            return 0.0
        if options.soften_pauses_db is not None:
            return options.soften_pauses_db
        return 0.0 if config.data.content_versions else _USUAL_SOFTENING_DB  # it has learned what noise is

    def _find_retrieval(self, options: ConversionOptions) -> SpeakerRetrieval:
        path = options.cluster_model_path or require_retrieval(self.voice.path)
        if self._retrieval is None or self._retrieval.path != path:
            self._retrieval = SpeakerRetrieval.load(path, self.voice.config, self.device)
        return self._retrieval

    def _with_retrieval(self, content: Tensor, voiced: Tensor, speaker: Tensor, options: ConversionOptions) -> Tensor:
        """Content (C, T) drawn to how the speakers say things, each in the share that it has."""
        timbres = self._find_retrieval(options)
        if speaker.dim() == 1:
            shares = {timbres.of(int(speaker)): content.new_ones(1)}
        else:
            shares = {}
            for row in speaker[0].any(1).nonzero()[:, 0].tolist():
                timbre = timbres.of(row)
                shares[timbre] = shares.get(timbre, 0) + speaker[0, row]
        where = None if options.cluster_everywhere else voiced
        blended = [share * blend(content, one, options.cluster_infer_ratio, where) for one, share in shares.items()]
        return torch.stack(blended).sum(0)

    def _with_context(self, piece: Slice, pad_seconds: float) -> tuple[int, int]:
        """The range heard for a slice: whole frames, on one grid for the whole recording, so that slices agree.

        It is longer than asked where that makes it one of few lengths, four an octave: oneDNN compiles and keeps code
        for each length it meets, which took 2.4 GB more for a song of 12 minutes than for its first.
        """
        hop = self.voice.config.data.hop_length
        short = round(_SHORTEST_CHUNK_SECONDS * self.sample_rate) - piece.n_samples
        pad = max(round(max(pad_seconds, ALIGNMENT_SECONDS) * self.sample_rate), -(-short // 2))
        first = (piece.start - pad) // hop
        n_frames = -(-(piece.end + pad) // hop) - first
        step = max(1 << (n_frames.bit_length() - 3), 1)
        return first * hop, (first + -(-n_frames // step) * step) * hop

    def _generator(self, seed: int, start: int) -> torch.Generator:
        """Random numbers of a slice, whatever was sung before it."""
        state = np.random.SeedSequence([seed, start]).generate_state(1, np.uint64)
        return torch.Generator(self.device).manual_seed(int(state[0]))

    def _shift_into_range(self, source: Source, slices: list[Slice], options: ConversionOptions) -> float:
        """Semitones from the median pitch of the recording to the voice's, rounded to what the options ask."""
        pitch = self.voice_pitch(options)
        if not options.auto_transpose or pitch is None:
            return 0.0
        total = sum(piece.n_samples for piece in slices) / self.sample_rate
        ranges = [self._with_context(piece, 0) for piece in slices[:: math.ceil(total / _PITCH_SECONDS) or 1]]
        estimate = F0_ESTIMATORS[DEFAULT_F0_METHOD]
        hop = self.voice.config.data.hop_length
        contours = [estimate(chunk, self.sample_rate, hop, self.device) for chunk in windows(source(), ranges)]
        source_pitch = _pitch_of(contours)
        return 0.0 if source_pitch is None else shift_between(source_pitch, pitch, options.transpose_step)

    def _summary(self, plan: _Plan, options: ConversionOptions) -> ConversionSummary:
        return ConversionSummary(
            seconds=plan.n_samples / self.sample_rate,
            sounding_seconds=sum(piece.n_samples - piece.overlap for piece in plan.slices) / self.sample_rate,
            n_slices=len(plan.slices),
            transpose=plan.transpose,
            source_pitch=_pitch_of(plan.pitches),
            voice_pitch=self.voice_pitch(options),
        )


def shift_between(source: PitchRange, voice: PitchRange, step: TransposeStep) -> float:
    """Semitones from where a song lies to where a voice lies, in whole steps.

    Octaves take no song below where songs are sung, but where the voice's own recordings are as deep.
    """
    semitones = 12 if step == "octave" else 1
    shift = semitones * round(ratio_to_semitones(voice.median_hz / source.median_hz) / semitones)
    lowered_hz = source.median_hz * semitones_to_ratio(shift)
    if step == "octave" and shift < 0 and lowered_hz < min(_DEEPEST_SONG_HZ, voice.median_hz):
        shift += 12
    return float(shift)


def measure_pitch(path: Path | str, seconds: float = _PITCH_SECONDS) -> PitchRange | None:
    """Where the beginning of a recording lies in pitch, or None where nothing of it is voiced.

    Raises:
        AudioError: it cannot be read.
    """
    source = islice(io.blocks(Path(path), _PITCH_RATE, _PITCH_RATE), math.ceil(seconds))
    estimate = F0_ESTIMATORS[DEFAULT_F0_METHOD]
    return _pitch_of([estimate(np.concatenate(list(source)), _PITCH_RATE, _PITCH_HOP, "cpu")])


def _pitch_of(contours: list[Samples]) -> PitchRange | None:
    return pitch_range(np.concatenate([np.empty(0, np.float32), *contours]))
