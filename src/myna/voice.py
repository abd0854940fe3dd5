"""Loading of a voice, which consists of a configuration and a synthesizer."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from myna.assets import find_voice
from myna.assets.hub import fetch_voice, parse_address
from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.interface import Synthesizer
from myna.options import Engine
from myna.retrieval.retrieval_file import NAMES
from myna.storage import checkpoint
from myna.zoo.opening import open_voice
from myna.zoo.packing import SUFFIX

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Voice:
    """A voice that is ready to convert."""

    config: Config
    synthesizer: Synthesizer  # in evaluation mode, with fused layers
    path: Path  # file of the weights

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
            model: a weight file; a folder of weight files, from which the one with the highest number is loaded; an
                address on the hub (`assets.hub`); "joe", the bundled voice; or an exported voice, which contains its
                configuration.
            config: the voice's `config.json`; None uses the file beside the weights, if there is one. If the
                configuration contradicts the weights, the weights take precedence, and a warning is logged.
            device: torch device; ONNX Runtime always computes on the CPU.
            engine: PyTorch or ONNX Runtime; None selects the engine that the file was made for. With "onnx", a PyTorch
                voice is first exported in memory.

        Raises:
            CheckpointError: the file is not a voice, or is incomplete.
            ConfigError: the configuration is absent or malformed, or `engine` is "torch" for an exported voice.
            MissingExtraError: the engine is not installed.
        """
        path = find_weights(model)
        if config is None and (address := parse_address(model)) is not None:
            config = fetch_voice(address).config  # on the hub, it may be in a parent folder
        opened = open_voice(path, Path(config) if config is not None else None)
        for remark in opened.remarks:
            _log.warning("%s: %s", opened.path, remark)
        if engine is None or engine == opened.engine:
            return cls(opened.config, opened.build(device), opened.path)
        if engine == "torch":
            raise ConfigError(f"{path} is an ONNX graph; name the file that it was exported from to use PyTorch")
        from myna.onnx.export import as_graph

        module = opened.build_module().eval()
        module.fuse()
        return cls(opened.config, as_graph(module, opened.config), opened.path)


def find_weights(model: Path | str) -> Path:
    """Return the weight file for `model`: a weight file, a folder, an address on the hub, or a bundled voice.

    Raises:
        CheckpointError: there is no weight file.
    """
    path = find_voice(model)
    if path.is_dir():
        packed = [one for one in path.glob(f"*{SUFFIX}") if one.name not in NAMES.values()]
        found = checkpoint.latest(path) or (packed[0] if len(packed) == 1 else None)
        if found is None:
            raise CheckpointError(f"there is no G_*.pth in {path}; train a voice first, or name its file with -m")
        return found
    if not path.is_file():
        raise CheckpointError(f"there is no {path}; name the voice, a G_*.pth or its folder, with -m")
    return path
