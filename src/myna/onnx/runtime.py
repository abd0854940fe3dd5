"""A synthesizer that runs an ONNX graph in ONNX Runtime; `onnx.export` writes such graphs.

The graphs of all families have the same interface. A voice ignores the inputs that it is not conditioned on.

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

A graph has only those of the last three inputs that its voice uses, in the order of use. The outputs are `audio`
(1, 1, samples) and `f0_sung` (1, frames).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.models.interface import Conditions, Generated, NoiseName, Sampling

SUFFIX = ".onnx"
EXTRA = "onnx"
CARD_KEY = "myna"  # metadata key of the card
LATENT_NOISE: NoiseName = "latent_noise"
STARTING_PHASES: NoiseName = "starting_phases"
SOURCE_NOISE: NoiseName = "source_noise"
NOISES: tuple[NoiseName, ...] = (LATENT_NOISE, STARTING_PHASES, SOURCE_NOISE)
FRAMES = "frames"  # name of the dynamic axis in the graph
OUTPUTS = ("audio", "f0_sung")
GIVEN = ("content", "f0", "voiced", "speaker", "loudness", "noise_scale", "predict_f0")


def is_graph(path: Path) -> bool:
    """Return True if a file has the suffix of ONNX graphs; the format itself has no signature."""
    return path.suffix == SUFFIX and path.is_file()


class OnnxSynthesizer:
    """A `Synthesizer` that runs an ONNX graph on the CPU."""

    def __init__(self, graph: Path | bytes) -> None:
        """
        Args:
            graph: path of the graph, or the content of its file.

        Raises:
            MissingExtraError: ONNX Runtime is not installed.
            CheckpointError: `graph` is not an ONNX graph, or not the graph of a voice.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("a voice in ONNX", EXTRA) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # log errors only
        name = str(graph) if isinstance(graph, Path) else "the exported voice"
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph) if isinstance(graph, Path) else graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            raise CheckpointError(f"{name} is damaged, or not an ONNX graph; export the voice again") from error
        self._shapes = {one.name: one.shape for one in self._session.get_inputs()}
        self.n_speakers = self._shapes["speaker"][1] if set(GIVEN) <= self._shapes.keys() else 0
        if not self.n_speakers:
            raise CheckpointError(f"{name} is an ONNX graph, but not a voice that svc export wrote")

    @property
    def metadata(self) -> Mapping[str, str]:
        """Metadata of the graph."""
        found: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return found

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
        audio, used_f0 = self._session.run(OUTPUTS, {name: _array(value) for name, value in values.items()})
        return Generated(torch.from_numpy(audio).to(f0.device), torch.from_numpy(used_f0).to(f0.device))

    def _weights(self, speaker: Tensor, n_frames: int) -> Tensor:
        """Return the weight of each speaker in each frame, (1, n_speakers, n_frames)."""
        if speaker.dim() == 1:
            speaker = torch.eye(self.n_speakers)[speaker.cpu()].unsqueeze(2)
        return speaker.expand(-1, -1, n_frames)


def _array(value: Tensor) -> NDArray[np.generic]:
    value = value.detach().cpu()
    found: NDArray[np.generic] = (value.float() if value.is_floating_point() else value).contiguous().numpy()
    return found
