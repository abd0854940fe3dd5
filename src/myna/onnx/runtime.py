"""A synthesizer that is a graph of ONNX, run by ONNX Runtime; `myna.onnx.export` makes such graphs.

All graphs have one interface, whatever the family; a voice that does not follow an input ignores it.

| input | shape | |
|---|---|---|
| `content` | 1, content_channels, frames | |
| `f0` | 1, frames | Hz, gaps filled |
| `voiced` | 1, frames | whether there is a pitch |
| `speaker` | 1, n_speakers, frames | how much of each speaker; sums to 1 |
| `loudness` | 1, frames | dB |
| `noise_scale` | a number | |
| `predict_f0` | a boolean | |
| `latent_noise` | 1, latent_channels, frames | normal |
| `starting_phases` | 1, n_harmonics | uniform in 0..1 |
| `source_noise` | ..., frames, hop_length | normal |

The last three are there where a voice draws them, in the order of the draws. Outputs are `audio` (1, 1, samples) and
`f0_sung` (1, frames).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.models.interface import Generated
from myna.models.layers import draws

SUFFIX = ".onnx"
EXTRA = "onnx"
CARD_KEY = "myna"  # in the metadata: what a packed voice says of itself
LATENT_NOISE, STARTING_PHASES, SOURCE_NOISE = "latent_noise", "starting_phases", "source_noise"
FRAMES = "frames"  # the one axis that has any length, under its name in the graph
OUTPUTS = ("audio", "f0_sung")
GIVEN = ("content", "f0", "voiced", "speaker", "loudness", "noise_scale", "predict_f0")


class OnnxSynthesizer:
    """Sing given content at a given pitch with a speaker's voice, on the CPU; a `Singer`."""

    def __init__(self, graph: Path | bytes) -> None:
        """
        Args:
            graph: the file, or what would be in it.

        Raises:
            MissingExtraError: ONNX Runtime is not installed.
            CheckpointError: it is no graph, or one of something else.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("a voice in ONNX", EXTRA) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors
        name = str(graph) if isinstance(graph, Path) else "the exported voice"
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph) if isinstance(graph, Path) else graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # what it raises is not of one kind
            raise CheckpointError(f"{name} is damaged, or no graph of ONNX; export the voice again") from error
        self._shapes = {one.name: one.shape for one in self._session.get_inputs()}
        self._n_speakers = self._shapes["speaker"][1] if set(GIVEN) <= self._shapes.keys() else 0
        if not self._n_speakers:
            raise CheckpointError(f"{name} is a graph of ONNX, but not a voice that svc export made")

    @property
    def metadata(self) -> Mapping[str, str]:
        """What stands beside the graph in its file."""
        found: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return found

    @torch.inference_mode()
    def generate(
        self,
        content: Tensor,
        f0: Tensor,
        voiced: Tensor,
        speaker: Tensor,
        loudness: Tensor | None = None,
        *,
        noise_scale: float,
        predict_f0: bool = False,
        generator: torch.Generator | None = None,
    ) -> Generated:
        """Sing one recording, B = 1; see `Singer.generate`."""
        if len(content) != 1:
            raise ConfigError(f"a voice in ONNX sings one recording at a time; got a batch of {len(content)}")
        values = {
            "content": content,
            "f0": f0,
            "voiced": voiced,
            "speaker": self._shares(speaker, f0.shape[1]),
            "loudness": torch.zeros_like(f0) if loudness is None else loudness,
            "noise_scale": torch.tensor(float(noise_scale)),
            "predict_f0": torch.tensor(predict_f0),
        }
        for name, shape in self._shapes.items():
            if name not in values:
                draw = draws.uniform if name == STARTING_PHASES else draws.normal
                values[name] = draw([f0.shape[1] if size == FRAMES else size for size in shape], f0.float(), generator)
        audio, sung_f0 = self._session.run(OUTPUTS, {name: _array(value) for name, value in values.items()})
        return Generated(torch.from_numpy(audio).to(f0.device), torch.from_numpy(sung_f0).to(f0.device))

    def _shares(self, speaker: Tensor, n_frames: int) -> Tensor:
        """How much of each speaker there is in each frame: (1, n_speakers, n_frames)."""
        if speaker.dim() == 1:
            speaker = torch.eye(self._n_speakers)[speaker.cpu()].unsqueeze(2)
        return speaker.expand(-1, -1, n_frames)


def _array(value: Tensor) -> NDArray[np.generic]:
    value = value.detach().cpu()
    found: NDArray[np.generic] = (value.float() if value.is_floating_point() else value).contiguous().numpy()
    return found
