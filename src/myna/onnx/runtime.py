"""A synthesizer that runs an ONNX graph in ONNX Runtime; `onnx.export` writes such graphs.

The graphs of all families have the same interface. A graph ignores the inputs that its voice is not conditioned on.

| input | shape | |
|---|---|---|
| `content` | 1, content_channels, frames | |
| `f0` | 1, frames | Hz, interpolated in unvoiced frames |
| `voiced` | 1, frames | boolean |
| `speaker` | 1, n_speakers, frames | weight of each speaker; sums to 1 |
| `loudness` | 1, frames | dB |
| `noise_scale` | scalar | |
| `predict_f0` | boolean scalar | |
| `latent_noise` | 1, latent_channels, frames | standard normal |
| `starting_phases` | 1, n_harmonics | uniform in 0..1 |
| `source_noise` | ..., frames, hop_length | standard normal |

The last three inputs exist only if the voice uses them, in the order of use. The outputs are `audio` (1, 1, samples)
and `f0_sung` (1, frames).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.models.interface import Conditions, Generated, NoiseName, Sampling
from myna.onnx.graph_check import checked_graph

SUFFIX = ".onnx"
EXTRA = "onnx"
CARD_KEY = "myna"  # metadata key of the card
LATENT_NOISE: NoiseName = "latent_noise"
STARTING_PHASES: NoiseName = "starting_phases"
SOURCE_NOISE: NoiseName = "source_noise"
NOISES: tuple[NoiseName, ...] = (LATENT_NOISE, STARTING_PHASES, SOURCE_NOISE)
FRAMES = "frames"  # name of the dynamic axis in the graph
OUTPUTS = ("audio", "f0_sung")
_FLOAT, _BOOLEAN = "tensor(float)", "tensor(bool)"
# Type and number of dimensions of each input that every graph has.
_INPUTS = {
    "content": (_FLOAT, 3),
    "f0": (_FLOAT, 2),
    "voiced": (_BOOLEAN, 2),
    "speaker": (_FLOAT, 3),
    "loudness": (_FLOAT, 2),
    "noise_scale": (_FLOAT, 0),
    "predict_f0": (_BOOLEAN, 0),
}
GIVEN = tuple(_INPUTS)
_MOST = 65536  # limit on the channels, on the speakers, and on the random numbers per frame of a noise input
# Time limit of a run: a constant and a time per frame. The slowest voice needs a tenth of a second per frame on an old
# processor.
_SECONDS, _SECONDS_PER_FRAME = 60.0, 1.0
_MOST_MEMORY = 4 * 2**30  # bytes: enough for a minute of singing at once, and half the memory of a small computer


def is_graph(path: Path) -> bool:
    """Return True if a file has the suffix of ONNX graphs; the format has no signature."""
    return path.suffix == SUFFIX and path.is_file()


class OnnxSynthesizer:
    """A `Synthesizer` that runs an ONNX graph on the CPU, with limits on memory and time.

    `metadata` contains the texts of the graph's metadata by key.
    """

    def __init__(self, graph: Path | bytes) -> None:
        """
        Args:
            graph: path of the graph, or the content of its file.

        Raises:
            MissingExtraError: ONNX Runtime is not installed.
            CheckpointError: `graph` is not an ONNX graph of a voice.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("a voice in ONNX", EXTRA) from error
        self._name = str(graph) if isinstance(graph, Path) else "the exported voice"
        checked = checked_graph(graph, self._name, EXTRA)
        _bound_memory()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # only fatal errors are logged; other errors are raised
        options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            # The exporter has folded all constants. Folding them here could take any amount of time and memory.
            self._session = onnxruntime.InferenceSession(
                checked, options, providers=["CPUExecutionProvider"], disabled_optimizers=["ConstantFolding"]
            )
            inputs = self._session.get_inputs()
            outputs = {one.name for one in self._session.get_outputs()}
            self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
            self._shapes = {one.name: one.shape for one in inputs}
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            raise CheckpointError(f"{self._name} is damaged, or not an ONNX graph; export the voice again") from error
        found = {one.name: (one.type, len(one.shape)) for one in inputs}
        fits = all(found.get(name) == kind for name, kind in _INPUTS.items()) and outputs.issuperset(OUTPUTS)
        noises = [one for one in inputs if one.name not in _INPUTS]
        if not fits or not all(one.name in NOISES and one.type == _FLOAT and _is_small(one.shape) for one in noises):
            raise CheckpointError(f"{self._name} is an ONNX graph, but not a voice that svc export wrote")
        self.n_speakers = self._shapes["speaker"][1]
        self._n_channels = self._shapes["content"][1]
        if not all(isinstance(size, int) and 0 < size <= _MOST for size in (self.n_speakers, self._n_channels)):
            raise CheckpointError(f"{self._name} is an ONNX graph, but not a voice that svc export wrote")
        self._hop_length: int | None = None

    def expect(self, config: Config) -> None:
        """Check the content input against the voice's configuration, and let `generate` check the audio's length too.

        Raises:
            ConfigError: the graph's content input has a different number of channels.
        """
        if self._n_channels != config.model.content_channels:
            raise ConfigError(
                f"its graph takes content of {self._n_channels} channels, but its card states "
                f"{config.model.content_channels}; export the voice again"
            )
        self._hop_length = config.data.hop_length

    @torch.inference_mode()
    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        """Generate the audio of one recording (batch size 1); see `Synthesizer.generate`."""
        f0 = conditions.f0
        if len(f0) != 1:
            raise ConfigError(f"an exported voice converts one recording at a time; got a batch of {len(f0)}")
        loudness = conditions.loudness
        values = {
            "content": conditions.content,
            "f0": f0,
            "voiced": conditions.voiced,
            "speaker": self._weights(conditions.speaker, f0.shape[1]),
            "loudness": torch.zeros_like(f0) if loudness is None else loudness,
            "noise_scale": torch.as_tensor(sampling.noise_scale, dtype=torch.float32),
            "predict_f0": torch.as_tensor(sampling.predict_f0),
        }
        for name in self._shapes:
            if name in NOISES:
                shape = [f0.shape[1] if size == FRAMES else size for size in self._shapes[name]]
                random = sampling.noise.uniform if name == STARTING_PHASES else sampling.noise.normal
                values[name] = random(name, shape, f0.float())
        audio, used_f0 = self._run({name: _array(value) for name, value in values.items()}, f0.shape[1])
        return Generated(torch.from_numpy(audio).to(f0.device), torch.from_numpy(used_f0).to(f0.device))

    def _run(self, values: dict[str, NDArray[np.generic]], n_frames: int) -> list[NDArray[np.float32]]:
        """Run the graph, check the shapes and types of the audio and the f0, and return both."""
        import onnxruntime

        how = onnxruntime.RunOptions()
        how.log_severity_level = 4
        how.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        limit = _SECONDS + _SECONDS_PER_FRAME * n_frames
        watch = threading.Timer(limit, setattr, (how, "terminate", True))
        watch.daemon = True
        watch.start()
        try:
            audio, used_f0 = self._session.run(OUTPUTS, values, how)
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            raise CheckpointError(f"{self._name} {self._reason(str(error), how.terminate, limit)}") from error
        finally:
            watch.cancel()
        # For a graph exported in memory, there is no configuration to compare with.
        n_samples = audio.size if self._hop_length is None else n_frames * self._hop_length
        if audio.shape != (1, 1, n_samples) or used_f0.shape != (1, n_frames):
            raise CheckpointError(
                f"{self._name} returns audio of shape {audio.shape} and f0 of shape {used_f0.shape} for {n_frames} "
                "frames, which is not what a voice returns; export the voice again"
            )
        if audio.dtype != np.float32 or used_f0.dtype != np.float32:
            raise CheckpointError(f"{self._name} returns {audio.dtype}, not float32; export the voice again")
        return [audio, used_f0]

    @staticmethod
    def _reason(error: str, is_terminated: bool, limit: float) -> str:
        if is_terminated:
            return f"was stopped after {limit:.0f} seconds, far more than a voice needs; export the voice again"
        if "memory" in error.lower():
            return "needs more memory than a voice; if the song is converted in long pieces, use shorter ones: -mc 10"
        return "cannot be run: its operators do not fit each other; export the voice again"

    def _weights(self, speaker: Tensor, n_frames: int) -> Tensor:
        """Return the weight of each speaker in each frame, (1, n_speakers, n_frames)."""
        if speaker.dim() == 1:
            speaker = torch.eye(self.n_speakers)[speaker.cpu()].unsqueeze(2)
        return speaker.expand(-1, -1, n_frames)


def _is_small(shape: Sequence[Any]) -> bool:
    """Return True if random numbers of this shape take little memory per frame."""
    fixed = [size for size in shape if size != FRAMES]
    return all(isinstance(size, int) and size > 0 for size in fixed) and prod(fixed) <= _MOST


@cache
def _bound_memory() -> None:
    """Limit the total memory of all graphs in this process."""
    import onnxruntime

    all_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2 * _MOST_MEMORY
    where = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    settings = onnxruntime.OrtArenaCfg(
        {"max_mem": min(all_bytes // 2, _MOST_MEMORY), "arena_extend_strategy": 1}
    )  # 1: extend the memory only by what is requested
    onnxruntime.create_and_register_allocator(where, settings)


def _array(value: Tensor) -> NDArray[np.generic]:
    value = value.detach().cpu()
    found: NDArray[np.generic] = (value.float() if value.is_floating_point() else value).contiguous().numpy()
    return found
