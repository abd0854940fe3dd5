"""Export of a voice as ONNX graphs for programs without PyTorch (`svc export`).

A graph accepts recordings of any length. Random numbers are inputs of the graph (`onnx.runtime` lists all inputs). With
the same random numbers, the graph's audio equals PyTorch's within `TOLERANCE`.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn
from torch.export import Dim

from myna.config import Config
from myna.errors import CheckpointError, MissingExtraError, reason_of
from myna.features.content.embedded import AHEAD_FRAMES, SAMPLE_RATE, ContentNetwork, load_embedded
from myna.models.interface import Conditions, Sampling, Synthesizer, SynthesizerModule
from myna.models.noise import GivenNoise, RecordedNoise, SeededNoise
from myna.onnx.runtime import (
    CARD_KEY,
    EXTRA,
    FRAMES,
    GIVEN,
    OUTPUTS,
    SOURCE_NOISE,
    SUFFIX,
    OnnxSynthesizer,
)
from myna.storage.atomic import replacing_together
from myna.zoo.opening import OpenedVoice
from myna.zoo.packing import Card, digest

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

CONTENT_SUFFIX = f".content{SUFFIX}"
TOLERANCE = 1e-3  # largest allowed difference from PyTorch's audio; full scale is 1
_TRACED_FRAMES = 67  # a prime number, so that an axis of this size is the axis of frames
_CHECKED_FRAMES = 40

Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class Exportable(Protocol):
    """A module with operations that ONNX lacks."""

    def exportable(self) -> nn.Module:
        """Return an equivalent module without Python loops and complex numbers, for inputs of any length.

        The method may modify and return `self`.
        """
        ...


class Exported(NamedTuple):
    """Result of `export`."""

    paths: list[Path]
    difference: float  # largest difference between the graph's audio and PyTorch's; full scale is 1


class _Graph(nn.Module):
    """`SynthesizerModule.synthesize` as a module that takes all conditions and random numbers as tensors."""

    def __init__(self, synthesizer: SynthesizerModule, noise_names: Sequence[str]) -> None:
        super().__init__()
        self.synthesizer = exportable(synthesizer)
        self.noise_names = noise_names

    def forward(
        self,
        content: Tensor,
        f0: Tensor,
        voiced: Tensor,
        speaker: Tensor,
        loudness: Tensor,
        noise_scale: Tensor,
        predict_f0: Tensor,
        noises: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        noise = GivenNoise(dict(zip(self.noise_names, noises, strict=True)))
        conditions = Conditions(content, f0, voiced, speaker, loudness)
        generated = self.synthesizer.synthesize(conditions, Sampling(noise, noise_scale, predict_f0))
        return generated.audio, generated.f0.clone()


def export(opened: OpenedVoice, path: Path, **words: str) -> Exported:
    """Write a voice as an ONNX graph.

    If the voice uses myna's own content encoder, the encoder is written as a second graph, NAME.content.onnx, beside
    the first one. The encoder maps audio (1, N) at 16 kHz to content (1, 256, N // 320).

    Args:
        opened: voice to export.
        path: output file, NAME.onnx; its folder is created.
        words: texts of the card by field, for example `licence` and `author`; missing or empty ones are taken from the
            voice's own file.

    Raises:
        MissingExtraError: packages of PyTorch's exporter are not installed.
        CheckpointError: the voice is incomplete or cannot be exported, the graph's audio differs from PyTorch's, or a
            file cannot be written.
    """
    paths = [path]
    encoder = opened.config.content_encoder
    if encoder in AHEAD_FRAMES:
        paths.append(path.with_name(path.stem + CONTENT_SUFFIX))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Enter this first, so that an output that cannot be written is reported before a minute of work.
        with replacing_together(*paths) as temporaries:
            graph, difference = _checked_graph(opened, words)
            graphs = [graph] if len(paths) == 1 else [graph, content_graph(load_embedded(encoder).network)]
            for temporary, written in zip(temporaries, graphs, strict=True):
                temporary.write_bytes(written)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {reason_of(error)}") from error
    return Exported(paths, difference)


def _checked_graph(opened: OpenedVoice, words: Mapping[str, str]) -> tuple[bytes, float]:
    """Return a voice as a graph with a card, and the largest difference of its audio from PyTorch's."""
    synthesizer = opened.build_module()
    synthesizer.eval()
    synthesizer.fuse()
    program = _synthesizer_program(synthesizer, opened.config)
    card = Card(**opened.describe(words), sha256=digest(opened.recognised.weights), released=True)
    program.model.metadata_props[CARD_KEY] = card.text()
    graph = _bytes(program)
    difference = _difference(synthesizer, OnnxSynthesizer(graph), opened.config)
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"the graph of {opened.path} differs from PyTorch by {difference:.2g} of full scale; nothing was written"
        )
    return graph, difference


def as_graph(synthesizer: SynthesizerModule, config: Config) -> OnnxSynthesizer:
    """Convert a synthesizer to a graph in ONNX Runtime.

    Args:
        synthesizer: PyTorch network on the CPU, in evaluation mode and fused.
        config: configuration of its voice.

    Raises:
        MissingExtraError: packages of PyTorch's exporter are not installed.
        CheckpointError: the network cannot be exported.
    """
    return OnnxSynthesizer(_bytes(_synthesizer_program(synthesizer, config)))


def content_graph(network: ContentNetwork) -> bytes:
    """Export myna's own content encoder as a graph from `audio` (1, N) at 16 kHz to `content` (1, 256, N // 320)."""
    # The traced audio ends within a frame, like most recordings.
    traced = torch.zeros(1, 3 * SAMPLE_RATE + 17)
    shapes = ({1: Dim("samples", min=SAMPLE_RATE // 4, max=SAMPLE_RATE * 3600)},)
    return _bytes(_program(exportable(network), (traced,), shapes, ["audio"], ["content"]))


def exportable(network: Network) -> Network:
    """Return a copy of `network` in which every `Exportable` part is replaced by its exportable form."""
    copied = copy.deepcopy(network).requires_grad_(False)
    for name, part in list(copied.named_modules()):
        if name and isinstance(part, Exportable):
            copied.set_submodule(name, part.exportable())
    return copied


def _synthesizer_program(synthesizer: SynthesizerModule, config: Config) -> ONNXProgram:
    traced: dict[str, Any] = _conditions(config, _TRACED_FRAMES)._asdict() | {
        "noise_scale": torch.tensor(synthesizer.usual_noise_scale),
        "predict_f0": torch.tensor(False),
    }
    noise_shapes = _noise_shapes(synthesizer, config)
    traced["noises"] = [torch.rand(shape) for shape in noise_shapes.values()]
    frames = Dim(FRAMES, min=2)

    def axes(value: Any) -> Any:
        if isinstance(value, list):
            return [axes(one) for one in value]
        return {axis: frames for axis, size in enumerate(value.shape) if axis and size == _TRACED_FRAMES}

    shapes = {name: axes(value) for name, value in traced.items()}
    names = [*GIVEN, *noise_shapes]
    graph = _Graph(synthesizer, list(noise_shapes))
    return _program(graph, tuple(traced[name] for name in (*GIVEN, "noises")), shapes, names, list(OUTPUTS))


def _conditions(config: Config, n_frames: int) -> Conditions:
    """Return random conditions in valid ranges, with an equal mix of all speakers."""
    random = torch.Generator().manual_seed(0)
    model = config.model
    return Conditions(
        content=torch.randn(1, model.content_channels, n_frames, generator=random),
        f0=200 + 100 * torch.rand(1, n_frames, generator=random),
        voiced=torch.rand(1, n_frames, generator=random) > 0.3,
        speaker=torch.full((1, model.n_speakers, n_frames), 1 / model.n_speakers),
        loudness=-30 + 10 * torch.rand(1, n_frames, generator=random),
    )


def _difference(synthesizer: SynthesizerModule, graph: OnnxSynthesizer, config: Config) -> float:
    conditions = _conditions(config, _CHECKED_FRAMES)

    def audio(one: Synthesizer) -> Tensor:
        return one.generate(conditions, Sampling(SeededNoise.of(0), synthesizer.usual_noise_scale)).audio

    return float((audio(synthesizer) - audio(graph)).abs().max())


def _noise_shapes(synthesizer: SynthesizerModule, config: Config) -> dict[str, list[int]]:
    """Return the shape of each noise input for `_TRACED_FRAMES` frames, by name in the order of use."""
    noise = RecordedNoise()
    synthesizer.generate(_conditions(config, _TRACED_FRAMES), Sampling(noise, synthesizer.usual_noise_scale))
    shapes: dict[str, list[int]] = {}
    for name, (*others, length) in noise.shapes.items():
        # In the graph, noise at the sample rate has an axis of frames and an axis of samples per frame; only the first
        # one depends on the length.
        per_frame = [_TRACED_FRAMES, length // _TRACED_FRAMES] if name == SOURCE_NOISE else [length]
        shapes[name] = [*others, *per_frame]
    return shapes


def _program(
    network: nn.Module, traced: tuple[Any, ...], shapes: Any, inputs: list[str], outputs: list[str]
) -> ONNXProgram:
    """Export `network` by tracing it with the inputs `traced`."""
    try:
        import onnx
        import onnxscript
    except ImportError as error:
        raise MissingExtraError("an ONNX graph", EXTRA) from error
    del onnx, onnxscript  # torch imports these too, but its error does not state the pip command
    try:
        with _quiet(), warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                network.eval(),
                traced,
                dynamo=True,
                dynamic_shapes=shapes,
                input_names=inputs,
                output_names=outputs,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise CheckpointError(
            f"this network cannot be exported to ONNX: {str(error).strip().splitlines()[0]}"
        ) from error
    assert program is not None
    return program


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's loggers, which warn that torchvision is missing and may print every step."""
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
    """Serialise a graph to the bytes of a file, without the exporter's references to source lines."""
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    content: bytes = program.model_proto.SerializeToString()
    return content
