"""How good conversions are: each measure between what it is for the unconverted source and for the target itself."""

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

# A take and its conversion may differ by what an mp3 encoder pads, not by more.
_SAME_LENGTH_SECONDS = 0.5
# Ratings of this many recordings of the target say what it is rated; a training set may have thousands.
_MOST_RATED = 50
# 32 ms: longer than a period of the lowest voice, so that the level does not swing with the pitch.
_LOUDNESS_HOP = 512


@dataclass(frozen=True)
class FileEvaluation:
    """One conversion beside its source; contours are (T,), one frame every 10 ms, Hz, 0 where unvoiced."""

    pair: Pair
    seconds: float
    transpose: float  # semitones
    scores: Scores
    source_scores: Scores  # of the unconverted source, what needs no pair
    source_f0: NDArray[np.float32]
    converted_f0: NDArray[np.float32]
    source_text: str | None = None
    converted_text: str | None = None
    # What the character error rate is made of: letters wrong, letters in the source's transcript.
    character_errors: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Evaluation:
    """All that was measured, and what was not."""

    files: tuple[FileEvaluation, ...]
    target_scores: dict[Path, Scores]
    not_measured: dict[str, str]  # what -> why, and the way out
    failures: tuple[str, ...]  # a line for each file that could not be evaluated

    @cached_property
    def summary(self) -> dict[str, Bounded]:
        """Each measure over all files, between its bounds.

        The mean over the files, but for the character error rate: all wrong letters over all letters, as is usual, so
        that one short file does not weigh as much as a long one.
        """
        converted = mean_scores(file.scores for file in self.files)
        wrong, letters = (sum(file.character_errors[part] for file in self.files) for part in (0, 1))
        if letters:
            converted["character_error_rate"] = wrong / letters
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
        pairs: each conversion with its source.
        target: recordings of the target voice; without them its similarity is not measured.
        held_out: recordings of the target that it was not trained on, for the bounds that it sets; where there are
            none, each of `target` is held against the others.

    Raises:
        AudioError: not one pair, or not one recording of the target, can be read.
    """
    return _Judges(options or EvaluateOptions()).evaluate(pairs, target, held_out, progress)


class _Judges:
    """The networks that are installed and wanted, and what they said of sources already heard."""

    def __init__(self, options: EvaluateOptions) -> None:
        self.options = options
        self.not_measured: dict[str, str] = {}
        self.failures: list[str] = []
        self.voice = self._load("speaker similarity", options.similarity, speaker.load_voice_encoder)
        self.dnsmos = self._load("DNSMOS", options.quality, quality.load_dnsmos)
        folder = Path(options.whisper) if options.whisper is not None else None
        self.transcriber = self._load(
            "character error rate", options.words, lambda: words.Transcriber(folder, options.language)
        )
        self.sources: dict[Path, _Heard] = {}

    def evaluate(
        self, pairs: Sequence[Pair], target: Sequence[Path], held_out: Sequence[Path], progress: Progress
    ) -> Evaluation:
        voice, target_scores = self.target(target, held_out, progress)
        files = []
        for pair in progress(pairs, title="conversions", unit="files"):
            try:
                files.append(self.file(pair, voice))
            except AudioError as error:
                self.failures.append(str(error))
        if not files:
            raise AudioError("; ".join(self.failures) or "there is nothing to evaluate")
        return Evaluation(tuple(files), target_scores, self.not_measured, tuple(self.failures))

    def target(
        self, target: Sequence[Path], held_out: Sequence[Path], progress: Progress
    ) -> tuple[speaker.Embedding | None, dict[Path, Scores]]:
        """The centroid of the target's recordings, and the scores of those that are held out."""
        if self.voice is not None and not target:
            self.not_measured["speaker similarity"] = "name the target's recordings with --target"
        if not target or (self.voice is None and self.dnsmos is None):
            return None, {}
        known = self._hear_all(target, "target", progress)
        if not known:
            raise AudioError("; ".join(self.failures))
        others = self._hear_all(held_out, "held out", progress)
        embeddings = {path: heard.embedding for path, heard in known.items() if heard.embedding is not None}
        if not embeddings:
            return None, {path: heard.scores for path, heard in (others or known).items()}
        centre = speaker.centroid(list(embeddings.values()))
        return centre, {
            path: heard.scores | _similarity(heard.embedding, _centre_without(path, embeddings))
            for path, heard in (others or known).items()
        }

    def file(self, pair: Pair, voice: speaker.Embedding | None) -> FileEvaluation:
        if pair.source not in self.sources:
            self.sources[pair.source] = self.hear(Recording.read(pair.source), follow=True)
        source = self.sources[pair.source]
        recording = Recording.read(pair.converted)
        if abs(recording.seconds - source.seconds) > _SAME_LENGTH_SECONDS:
            raise AudioError(
                f"{pair.converted} lasts {recording.seconds:.1f} s and {pair.source} {source.seconds:.1f} s: "
                "one was not made of the other"
            )
        converted = self.hear(recording, follow=True, language=source.language)
        transpose = self.options.transpose
        if transpose is None:
            transpose = contours.find_transpose(source.f0, converted.f0)
        errors = words.count_errors(source.text or "", converted.text or "")
        scores = (
            contours.compare_pitch(source.f0, converted.f0, transpose)
            | contours.compare_loudness(source.loudness, converted.loudness)
            | converted.scores
            | _similarity(converted.embedding, voice)
            | ({"character_error_rate": errors[0] / errors[1]} if errors[1] else {})
        )
        return FileEvaluation(
            pair,
            recording.seconds,
            transpose,
            {key: scores[key] for key in MEASURES if key in scores},
            source.scores | _similarity(source.embedding, voice),
            source.f0,
            converted.f0,
            source.text,
            converted.text,
            errors if errors[1] else (0, 0),
        )

    def hear(
        self, recording: Recording, *, follow: bool = False, rate: bool = True, language: str | None = None
    ) -> _Heard:
        """What the judges say of one recording; its contours and words only where it is to `follow` another."""
        audio = recording.audio
        heard = _Heard(
            recording.seconds,
            scores=quality.rate(self.dnsmos, audio) if rate and self.dnsmos is not None else {},
            embedding=speaker.embed(self.voice, audio) if self.voice is not None else None,
        )
        if follow:
            heard.f0 = F0_ESTIMATORS[self.options.f0_method](audio, SAMPLE_RATE, HOP_LENGTH, "cpu")
            heard.loudness = loudness(audio, _LOUDNESS_HOP)
            if self.transcriber is not None:
                transcript = self.transcriber(audio, language)
                heard.text, heard.language = transcript.text, transcript.language
        return heard

    def _hear_all(self, paths: Sequence[Path], title: str, progress: Progress) -> dict[Path, _Heard]:
        if not paths:
            return {}
        rated = set(paths[:: -(-len(paths) // _MOST_RATED)])
        heard = {}
        for path in progress(paths, title=title, unit="files"):
            try:
                heard[path] = self.hear(Recording.read(path), rate=path in rated)
            except AudioError as error:
                self.failures.append(str(error))
        return heard

    def _load(self, what: str, wanted: bool, load: Callable[[], T]) -> T | None:
        if not wanted:
            return None
        try:
            return load()
        except (AssetError, MissingExtraError) as error:
            _log.info("%s is not measured: %s", what, error)
            self.not_measured[what] = str(error)
            return None


@dataclass
class _Heard:
    """One recording to the judges."""

    seconds: float
    scores: Scores
    embedding: speaker.Embedding | None
    f0: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    loudness: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    text: str | None = None
    language: str | None = None


def _similarity(one: speaker.Embedding | None, other: speaker.Embedding | None) -> Scores:
    return {} if one is None or other is None else {"speaker_similarity": float(one @ other)}


def _centre_without(path: Path, embeddings: dict[Path, speaker.Embedding]) -> speaker.Embedding | None:
    """The centroid of the recordings but for `path`: none where there is no other."""
    others = [embedding for other, embedding in embeddings.items() if other != path]
    return speaker.centroid(others) if others else None
