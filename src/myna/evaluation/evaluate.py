"""Evaluation of conversions, with reference values measured on the sources and on recordings of the target."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from myna.errors import AssetError, AudioError, MissingExtraError
from myna.evaluation import contours, quality, speaker, words
from myna.evaluation.pairing import Pair
from myna.evaluation.recording import HOP_LENGTH, SAMPLE_RATE, Recording
from myna.evaluation.scores import MEASURES, Bounded, Scores, mean_scores
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import loudness
from myna.options import EvaluateOptions
from myna.progress import Progress, silent

_log = logging.getLogger(__name__)
T = TypeVar("T")

# Maximum difference in length between a conversion and its source: more than the padding of MP3 encoders.
_SAME_LENGTH_SECONDS = 0.5
# Limit on the recordings of `target`, and on those of `held_out`, that DNSMOS rates. A training set may have thousands.
_MAX_RATED = 50
# 32 ms, longer than a period of the lowest voice, so that the loudness does not fluctuate within a period.
_LOUDNESS_HOP = 512


@dataclass(frozen=True)
class FileEvaluation:
    """Scores of one conversion. f0 contours are (T,) in Hz, one frame every 10 ms, 0 where unvoiced."""

    pair: Pair
    seconds: float
    transpose: float  # semitones from the source to the conversion
    scores: Scores
    source_scores: Scores  # scores of the unconverted source, for measures that need no pair
    source_f0: NDArray[np.float32]
    converted_f0: NDArray[np.float32]
    source_text: str | None = None
    converted_text: str | None = None
    # Edit distance between the transcripts, and number of characters in the source's transcript.
    character_errors: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Evaluation:
    """Scores of all conversions, missing measures and failed files."""

    files: tuple[FileEvaluation, ...]
    target_scores: dict[Path, Scores]
    not_measured: dict[str, str]  # reason for each missing measure, and a way to enable the measure
    failures: tuple[str, ...]  # one line per file that could not be evaluated

    @cached_property
    def summary(self) -> dict[str, Bounded]:
        """Mean of each measure over all files, with the measure's reference values.

        The character error rate is not a mean over files but, as usual, the total number of errors divided by the total
        number of characters. Thus short files have less weight.
        """
        converted = mean_scores(file.scores for file in self.files)
        errors, characters = (sum(file.character_errors[part] for file in self.files) for part in (0, 1))
        if characters:
            converted["character_error_rate"] = errors / characters
        sources = mean_scores({file.pair.source: file.source_scores for file in self.files}.values())
        targets = mean_scores(self.target_scores.values())
        return {
            key: Bounded(converted[key], sources.get(key, measure.of_itself), targets.get(key))
            for key, measure in MEASURES.items()
            if key in converted
        }


def evaluate(
    pairs: Sequence[Pair],
    target: Sequence[Path] = (),
    held_out: Sequence[Path] = (),
    options: EvaluateOptions | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure conversions.

    Args:
        pairs: pairs of a conversion and its source.
        target: recordings of the target speaker; without them, speaker similarity is not measured.
        held_out: recordings of the target speaker that are not in the voice's training set, used for the target's
            reference values. Without them, these values are measured on `target`, where the similarity of a recording
            is its similarity to the other recordings in `target`.

    Raises:
        AudioError: none of the pairs can be evaluated, or none of the target recordings can be read.
    """
    return _Evaluator(options or EvaluateOptions()).evaluate(pairs, target, held_out, progress)


class _Evaluator:
    """Evaluator that loads the enabled and installed networks once, and measures each source once."""

    def __init__(self, options: EvaluateOptions) -> None:
        self.options = options
        self.not_measured: dict[str, str] = {}
        self.failures: list[str] = []
        self.voice_encoder = self._load("speaker similarity", options.similarity, speaker.load_voice_encoder)
        self.dnsmos = self._load("DNSMOS", options.quality, quality.load_dnsmos)
        folder = Path(options.whisper) if options.whisper is not None else None
        self.transcriber = self._load(
            "character error rate", options.words, lambda: words.Transcriber(folder, options.language)
        )
        self.sources: dict[Path, _Measured] = {}

    def evaluate(
        self, pairs: Sequence[Pair], target: Sequence[Path], held_out: Sequence[Path], progress: Progress
    ) -> Evaluation:
        centroid, target_scores = self.target_scores(target, held_out, progress)
        files = []
        for pair in progress(pairs, title="conversions", unit="files"):
            try:
                files.append(self.evaluate_pair(pair, centroid))
            except AudioError as error:
                self.failures.append(str(error))
        if not files:
            raise AudioError("; ".join(self.failures) or "there are no conversions to evaluate")
        return Evaluation(tuple(files), target_scores, self.not_measured, tuple(self.failures))

    def target_scores(
        self, target: Sequence[Path], held_out: Sequence[Path], progress: Progress
    ) -> tuple[speaker.Embedding | None, dict[Path, Scores]]:
        """Return the centroid of the embeddings of `target`, and the scores of the target's reference recordings.

        The reference recordings are those in `held_out`, or those in `target` if no held-out recording can be read.
        """
        if self.voice_encoder is not None and not target:
            self.not_measured["speaker similarity"] = "pass the target's recordings with --target"
        if not target or (self.voice_encoder is None and self.dnsmos is None):
            return None, {}
        reference = self._measure_all(target, "target", progress)
        if not reference:
            raise AudioError("; ".join(self.failures))
        scored = self._measure_all(held_out, "held out", progress) or reference
        embeddings = {path: one.embedding for path, one in reference.items() if one.embedding is not None}
        if not embeddings:
            return None, {path: one.scores for path, one in scored.items()}
        return speaker.centroid(list(embeddings.values())), {
            path: one.scores | _similarity(one.embedding, _centroid_without(path, embeddings))
            for path, one in scored.items()
        }

    def evaluate_pair(self, pair: Pair, centroid: speaker.Embedding | None) -> FileEvaluation:
        if pair.source not in self.sources:
            self.sources[pair.source] = self.measure(Recording.read(pair.source), paired=True)
        source = self.sources[pair.source]
        recording = Recording.read(pair.converted)
        if abs(recording.seconds - source.seconds) > _SAME_LENGTH_SECONDS:
            raise AudioError(
                f"{pair.converted} lasts {recording.seconds:.1f} s and {pair.source} {source.seconds:.1f} s: "
                "they are not a conversion and its source"
            )
        converted = self.measure(recording, paired=True, language=source.language)
        transpose = self.options.transpose
        if transpose is None:
            transpose = contours.find_transpose(source.f0, converted.f0)
        errors = words.count_errors(source.text or "", converted.text or "")
        scores = (
            contours.compare_pitch(source.f0, converted.f0, transpose)
            | contours.compare_loudness(source.loudness, converted.loudness)
            | converted.scores
            | _similarity(converted.embedding, centroid)
            | ({"character_error_rate": errors[0] / errors[1]} if errors[1] else {})
        )
        return FileEvaluation(
            pair,
            recording.seconds,
            transpose,
            {key: scores[key] for key in MEASURES if key in scores},
            source.scores | _similarity(source.embedding, centroid),
            source.f0,
            converted.f0,
            source.text,
            converted.text,
            errors if errors[1] else (0, 0),
        )

    def measure(
        self, recording: Recording, *, paired: bool = False, rate: bool = True, language: str | None = None
    ) -> _Measured:
        """Measure one recording; `paired` adds the values for comparing a pair: pitch, loudness and transcript."""
        audio = recording.audio
        measured = _Measured(
            recording.seconds,
            scores=quality.rate(self.dnsmos, audio) if rate and self.dnsmos is not None else {},
            embedding=speaker.embed(self.voice_encoder, audio) if self.voice_encoder is not None else None,
        )
        if paired:
            measured.f0 = F0_ESTIMATORS[self.options.f0_method](audio, SAMPLE_RATE, HOP_LENGTH, "cpu")
            measured.loudness = loudness(audio, _LOUDNESS_HOP)
            if self.transcriber is not None:
                transcript = self.transcriber(audio, language)
                measured.text, measured.language = transcript.text, transcript.language
        return measured

    def _measure_all(self, paths: Sequence[Path], title: str, progress: Progress) -> dict[Path, _Measured]:
        if not paths:
            return {}
        rated = set(paths[:: -(-len(paths) // _MAX_RATED)])
        measured = {}
        for path in progress(paths, title=title, unit="files"):
            try:
                measured[path] = self.measure(Recording.read(path), rate=path in rated)
            except AudioError as error:
                self.failures.append(str(error))
        return measured

    def _load(self, measure: str, enabled: bool, load: Callable[[], T]) -> T | None:
        if not enabled:
            return None
        try:
            return load()
        except (AssetError, MissingExtraError) as error:
            _log.info("%s is not measured: %s", measure, error)
            self.not_measured[measure] = str(error)
            return None


@dataclass
class _Measured:
    """Measures of a single recording."""

    seconds: float
    scores: Scores
    embedding: speaker.Embedding | None
    f0: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    loudness: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    text: str | None = None
    language: str | None = None


def _similarity(one: speaker.Embedding | None, other: speaker.Embedding | None) -> Scores:
    return {} if one is None or other is None else {"speaker_similarity": float(one @ other)}


def _centroid_without(path: Path, embeddings: dict[Path, speaker.Embedding]) -> speaker.Embedding | None:
    """Return the centroid of all embeddings except that of `path`; None if there are no others."""
    others = [embedding for other, embedding in embeddings.items() if other != path]
    return speaker.centroid(others) if others else None
