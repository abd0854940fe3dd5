"""Loading of a voice, that is, a configuration and a synthesizer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from myna.assets import find_voice
from myna.assets.hub import fetch_voice, parse_address
from myna.assets.voice_names import is_generator, newest, newest_checkpoint
from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.bf16 import in_bf16
from myna.models.interface import Synthesizer
from myna.options import Engine
from myna.zoo.opening import open_voice

_log = logging.getLogger(__name__)
_GRAPH, _CONTENT_GRAPH = ".onnx", ".content.onnx"  # an exported voice, and its content encoder
_SHOWN = 8  # number of files that an error message lists


@dataclass(frozen=True)
class Voice:
    """A voice that is ready to convert."""

    config: Config
    synthesizer: Synthesizer  # in evaluation mode, with fused layers
    path: Path  # file of the weights
    # The voice's default values of `ConversionOptions`; commands use them for options without a value from the user.
    defaults: Mapping[str, Any] = field(default_factory=dict)

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
            model: a weights file; a folder (see `find_weights`); an address on the hub (`assets.hub`); "joe", the
                bundled voice; or an exported voice, which contains its configuration.
            config: the voice's `config.json`; None uses the file beside the weights, if there is one. If the
                configuration contradicts the weights, the weights take precedence, and a warning is logged.
            device: torch device; ONNX Runtime always computes on the CPU.
            engine: PyTorch or ONNX Runtime; None selects the engine of the file's format. With "onnx", a PyTorch voice
                is first exported in memory.

        Raises:
            CheckpointError: the file is not a voice, or is incomplete.
            ConfigError: the configuration is absent or malformed, or `engine` is "torch" for an exported voice.
            MissingExtraError: the engine is not installed.
        """
        path = find_weights(model)
        if config is None and (address := parse_address(model)) is not None:
            config = fetch_voice(address).config  # on the hub, the configuration may be in a parent folder
        opened = open_voice(path, Path(config) if config is not None else None)
        for remark in opened.remarks:
            _log.warning("%s: %s", opened.path, remark)
        if engine is None or engine == opened.engine:
            return cls(opened.config, opened.build(device), opened.path, opened.defaults)
        if engine == "torch":
            raise ConfigError(f"{path} is an ONNX graph; name the file that it was exported from to use PyTorch")
        from myna.onnx.export import as_graph

        module = opened.build_module().eval()
        module.fuse()
        return cls(opened.config, as_graph(module, opened.config), opened.path, opened.defaults)

    @cached_property
    def bf16_synthesizer(self) -> Synthesizer:
        """The synthesizer with its decoder in bfloat16, see `models.bf16`."""
        return in_bf16(self.synthesizer)


def find_weights(model: Path | str) -> Path:
    """Return the weights file for `model`: a weights file, a folder, an address on the hub, or a bundled voice.

    In a folder, this is the newest checkpoint or the only voice. If the folder has no voice, but exactly one of its
    subfolders has, the subfolder is used, because archives are often unpacked to a folder in a folder.

    Raises:
        CheckpointError: there is no weights file, or there are several voices.
    """
    path = find_voice(model)
    if path.is_dir():
        folders = [one for one in sorted(path.iterdir()) if one.is_dir() and not one.name.startswith((".", "__MACOSX"))]
        inside = [one for folder in folders for one in _voices_in(folder)]
        found = _voices_in(path) or inside
        if not found:
            raise CheckpointError(f"there is no G_*.pth in {path}; train a voice first, or name its file with -m")
        if len(found) > 1:
            names = ", ".join(str(one.relative_to(path)) for one in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise CheckpointError(f"there are several voices in {path}: {names}{more}; name one with -m")
        return found[0]
    if not path.is_file():
        raise CheckpointError(f"there is no {path}; name the voice, a G_*.pth or its folder, with -m")
    return path


def _voices_in(folder: Path) -> list[Path]:
    """Return the files of the voices in a folder; of the checkpoints of one training run, only the newest one."""
    files = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    names = [name for name in files if is_generator(name)]
    graphs = [name for name in files if name.endswith(_GRAPH) and not name.endswith(_CONTENT_GRAPH)]
    found = newest_checkpoint(names) or newest(names) or newest(graphs if not names else [])
    return [folder / name for name in ([found] if found else names or graphs)]
