"""A voice as graphs of ONNX, for programs without PyTorch: `svc export`.

A graph sings recordings of any length. Its random numbers are inputs (`models.onnx_synthesizer` lists them all), so
that who draws them as PyTorch does hears the same.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn
from torch.export import Dim

from myna.config import Config
from myna.errors import CheckpointError, MissingExtraError, MynaError
from myna.features.content.embedded import SAMPLE_RATE, ContentNetwork, load_embedded
from myna.models.f0_predictor import contour, log_pitch, pitch_hz
from myna.models.families import AnySynthesizer
from myna.models.layers import draws
from myna.models.layers.speakers import embed_speaker
from myna.models.synthesizers.vits import Synthesizer
from myna.onnx.forms import exportable
from myna.onnx.runtime import (
    CARD_KEY,
    EXTRA,
    FRAMES,
    GIVEN,
    LATENT_NOISE,
    OUTPUTS,
    SOURCE_NOISE,
    STARTING_PHASES,
    SUFFIX,
    OnnxSynthesizer,
)
from myna.storage.atomic import replacing
from myna.zoo.opening import OpenedVoice
from myna.zoo.packing import Card, digest

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

CONTENT_SUFFIX = f".content{SUFFIX}"
TOLERANCE = 1e-3  # of the audio, full scale being 1
_EMBEDDED = "myna-content-1"
_TRIED_FRAMES = 67  # a prime, so that an axis of so many, or of a multiple, is one of frames
_CHECKED_FRAMES = 40

Draw = Callable[[Sequence[int], Tensor, torch.Generator | None], Tensor]


class _Drawn(NamedTuple):
    """A random draw of a voice."""

    name: str
    shape: list[int]  # of the input of the graph, for _TRIED_FRAMES


class Exported(NamedTuple):
    """What `export` wrote."""

    paths: list[Path]
    difference: float  # of the graph from PyTorch in a short song, full scale being 1


class _Graph(nn.Module):
    """`generate` with its draws given, and with the choice of the pitch inside."""

    def __init__(self, synthesizer: AnySynthesizer) -> None:
        super().__init__()
        self.synthesizer = exportable(synthesizer)

    def forward(
        self,
        content: Tensor,
        f0: Tensor,
        voiced: Tensor,
        speaker: Tensor,
        loudness: Tensor,
        noise_scale: Tensor,
        predict_f0: Tensor,
        drawn: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        synthesizer: Any = self.synthesizer
        if isinstance(synthesizer, Synthesizer) and synthesizer.f0_predictor is not None:
            hidden = synthesizer._embed(content, voiced, loudness)
            voice = embed_speaker(synthesizer.speaker_embedding, speaker)
            predicted = synthesizer.f0_predictor(hidden, contour(log_pitch(f0), voiced), voice)
            f0 = torch.where(predict_f0, pitch_hz(predicted).squeeze(1), f0)

        given = iter(drawn)

        def draw(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
            return next(given).reshape(tuple(shape)).clone()  # what is drawn may be written to, an input may not

        with _drawing(draw, draw):
            # Without its inference mode, under which nothing is recorded.
            sung = type(synthesizer).generate.__wrapped__(
                synthesizer, content, f0, voiced, speaker, loudness, noise_scale=noise_scale
            )
        return sung.audio, sung.f0.clone()


def export(opened: OpenedVoice, path: Path, **words: str) -> Exported:
    """Write a voice as a graph, and, where it hears with myna's own content encoder, that beside it.

    Args:
        opened: the voice.
        path: NAME.onnx; the encoder becomes NAME.content.onnx, audio (1, N) at 16 kHz to content (1, 256, N // 320).
        words: licence, author and cover; those of a packed voice where they are empty.

    Raises:
        MissingExtraError: what PyTorch needs to make graphs is not installed.
        MynaError: the graph does not sing as PyTorch does.
        CheckpointError: the voice is not whole, or a file cannot be written.
    """
    synthesizer = opened.build()
    synthesizer.eval()
    synthesizer.fuse()
    program = _synthesizer_program(synthesizer, opened.config)
    card = Card(**opened.describe(words), sha256=digest(opened.recognised.weights), released=True)
    program.model.metadata_props[CARD_KEY] = card.model_dump_json(exclude_defaults=True)
    graph = _bytes(program)
    difference = _difference(synthesizer, OnnxSynthesizer(graph), opened.config)
    if not difference <= TOLERANCE:
        raise MynaError(
            f"the graph of {opened.path} sings otherwise than PyTorch, by {difference:.2g}; nothing was written"
        )
    files = {path: graph}
    if opened.config.content_encoder == _EMBEDDED:
        files[path.with_name(path.stem + CONTENT_SUFFIX)] = content_graph(load_embedded().network)
    for name, written in files.items():
        try:
            with replacing(name) as temporary:
                temporary.write_bytes(written)
        except OSError as error:
            raise CheckpointError(f"cannot write {name}: {error}") from error
    return Exported(list(files), difference)


def as_graph(synthesizer: AnySynthesizer, config: Config) -> OnnxSynthesizer:
    """A synthesizer, in evaluation mode, fused and on the CPU, to sing with ONNX Runtime.

    Raises:
        MissingExtraError, MynaError: see `export`.
    """
    return OnnxSynthesizer(_bytes(_synthesizer_program(synthesizer, config)))


def content_graph(network: ContentNetwork) -> bytes:
    """myna's own content encoder: `audio` (1, N) at 16 kHz to `content` (1, 256, N // 320)."""
    # It ends within a frame, as recordings do.
    tried = torch.zeros(1, 3 * SAMPLE_RATE + 17)
    shapes = ({1: Dim("samples", min=SAMPLE_RATE // 4, max=SAMPLE_RATE * 3600)},)
    return _bytes(_program(exportable(network), (tried,), shapes, ["audio"], ["content"]))


def _synthesizer_program(synthesizer: AnySynthesizer, config: Config) -> ONNXProgram:
    tried: dict[str, Any] = dict(zip(GIVEN, _inputs(config, _TRIED_FRAMES), strict=False))
    tried |= {"noise_scale": torch.tensor(synthesizer.usual_noise_scale), "predict_f0": torch.tensor(False)}
    drawn = _find_draws(synthesizer, config)
    tried["drawn"] = [torch.rand(one.shape) for one in drawn]
    frames = Dim(FRAMES, min=2)

    def axes(value: Any) -> Any:
        if isinstance(value, list):
            return [axes(one) for one in value]
        return {axis: frames for axis, size in enumerate(value.shape) if axis and size == _TRIED_FRAMES}

    shapes = {name: axes(value) for name, value in tried.items()}
    names = [*GIVEN, *(one.name for one in drawn)]
    return _program(_Graph(synthesizer), tuple(tried.values()), shapes, names, list(OUTPUTS))


def _inputs(config: Config, n_frames: int) -> tuple[Tensor, ...]:
    """Something to sing: content, f0, voiced, speaker and loudness."""
    random = torch.Generator().manual_seed(0)
    model = config.model
    return (
        torch.randn(1, model.content_channels, n_frames, generator=random),
        200 + 100 * torch.rand(1, n_frames, generator=random),
        torch.rand(1, n_frames, generator=random) > 0.3,
        torch.full((1, model.n_speakers, n_frames), 1 / model.n_speakers),
        -30 + 10 * torch.rand(1, n_frames, generator=random),
    )


def _difference(synthesizer: AnySynthesizer, graph: OnnxSynthesizer, config: Config) -> float:
    first, second = (
        one.generate(
            *_inputs(config, _CHECKED_FRAMES),
            noise_scale=synthesizer.usual_noise_scale,
            generator=torch.Generator().manual_seed(0),
        ).audio
        for one in (synthesizer, graph)
    )
    return float((first - second).abs().max())


def _find_draws(synthesizer: AnySynthesizer, config: Config) -> list[_Drawn]:
    """The draws of a voice, in their order."""
    found: list[_Drawn] = []

    def uniform(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
        found.append(_Drawn(STARTING_PHASES, list(shape)))
        return like.new_zeros(tuple(shape))

    def normal(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
        *others, length = shape
        if length == _TRIED_FRAMES:
            found.append(_Drawn(LATENT_NOISE, list(shape)))
        else:
            found.append(_Drawn(SOURCE_NOISE, [*others, _TRIED_FRAMES, length // _TRIED_FRAMES]))
        return like.new_zeros(tuple(shape))

    with _drawing(normal, uniform):
        synthesizer.generate(*_inputs(config, _TRIED_FRAMES), noise_scale=synthesizer.usual_noise_scale)
    return found


@contextlib.contextmanager
def _drawing(normal: Draw, uniform: Draw) -> Iterator[None]:
    """While it lasts, the models draw by these."""
    with mock.patch.object(draws, "normal", normal), mock.patch.object(draws, "uniform", uniform):
        yield


def _program(
    network: nn.Module, tried: tuple[Any, ...], shapes: Any, inputs: list[str], outputs: list[str]
) -> ONNXProgram:
    """The graph of `network`, followed while it hears what is `tried`."""
    try:
        import onnx
        import onnxscript
    except ImportError as error:
        raise MissingExtraError("a graph of ONNX", EXTRA) from error
    del onnx, onnxscript  # torch imports them, and says no more than that they are missing
    try:
        with _quiet(), warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                network.eval(),
                tried,
                dynamo=True,
                dynamic_shapes=shapes,
                input_names=inputs,
                output_names=outputs,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise MynaError(f"no graph of ONNX says this: {str(error).strip().splitlines()[0]}") from error
    assert program is not None
    return program


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's loggers say that torchvision is missing, and, where debug lines are shown, every step."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.__trace")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _bytes(program: ONNXProgram) -> bytes:
    """What stands in a file, without the exporter's notes on where in whose source a node comes from."""
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    content: bytes = program.model_proto.SerializeToString()
    return content
