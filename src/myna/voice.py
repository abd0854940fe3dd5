"""A voice: its configuration and its weights, loaded as one thing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from myna.assets import find_voice
from myna.assets.hub import fetch_voice, parse_address
from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.families import AnySynthesizer
from myna.onnx import runtime
from myna.onnx.runtime import OnnxSynthesizer
from myna.options import Engine
from myna.retrieval.retrieval_file import NAMES
from myna.storage import checkpoint
from myna.zoo.opening import open_voice
from myna.zoo.packing import SUFFIX, exported_card

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Voice:
    """A voice that is ready to sing."""

    config: Config
    synthesizer: AnySynthesizer | OnnxSynthesizer  # in evaluation mode, fused
    path: Path  # the file that the weights came from

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
            model: a file of weights, the folder that holds it (the highest number wins), an address of the hub
                (`assets.hub`), "joe", who comes along, or an exported voice, whose configuration is in it.
            config: its `config.json`; None is the one beside the weights, if there is one. Where it and the weights
                disagree, the weights count, and a warning says so.
            device: where it will sing, as torch names devices; ONNX Runtime sings on the CPU.
            engine: what sings; None is what the file is for. For "onnx" a voice is exported before it sings.

        Raises:
            CheckpointError: the file is not a voice, or not whole.
            ConfigError: the configuration is not there, or malformed.
            MissingExtraError: what the engine needs is not installed.
        """
        path = find_weights(model)
        if path.suffix == runtime.SUFFIX:
            if engine == "torch":
                raise ConfigError(
                    f"{path} is a graph of ONNX; name the file that it was made from to sing with PyTorch"
                )
            return cls._exported(path)
        if config is None and (address := parse_address(model)) is not None:
            config = fetch_voice(address).config  # which may stand in a folder above
        opened = open_voice(path, Path(config) if config is not None else None)
        for remark in opened.remarks:
            _log.warning("%s: %s", opened.path, remark)
        synthesizer = opened.build()
        synthesizer.eval()
        synthesizer.fuse()
        if engine == "onnx":
            from myna.onnx.export import as_graph

            return cls(opened.config, as_graph(synthesizer, opened.config), opened.path)
        return cls(opened.config, synthesizer.to(device), opened.path)

    @classmethod
    def _exported(cls, path: Path) -> Self:
        synthesizer = OnnxSynthesizer(path)
        return cls(Config.parse(exported_card(path, synthesizer).config), synthesizer, path)


def find_weights(model: Path | str) -> Path:
    """The file of weights that `model` names, itself, as its folder, or as a voice that comes along.

    Raises:
        CheckpointError: there is none.
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
