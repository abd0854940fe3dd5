"""A voice: its configuration and its weights, loaded as one thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from myna import checkpoint
from myna.assets import find_voice
from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.families import AnySynthesizer
from myna.zoo import sovits


@dataclass(frozen=True)
class Voice:
    """A voice that is ready to sing."""

    config: Config
    synthesizer: AnySynthesizer  # in evaluation mode, fused
    path: Path  # the file that the weights came from

    @classmethod
    def load(cls, model: Path | str, config: Path | str | None = None, device: str = "cpu") -> Self:
        """Load a voice.

        Args:
            model: a `G_*.pth`, the folder that holds it (the highest number wins), or "joe", who comes along.
            config: its `config.json`; None is the one beside the weights.
            device: where it will sing, as torch names devices.

        Raises:
            CheckpointError: the file is not a voice, or does not fit the configuration.
            ConfigError: there is no configuration, or it is malformed.
        """
        path = find_weights(model)
        config_path = Path(config) if config is not None else path.with_name("config.json")
        if not config_path.is_file():
            way_out = "name it with -c" if config is None else "look where the voice came from"
            raise ConfigError(f"there is no configuration {config_path}; {way_out}")
        # The weights first: a file that is no voice at all says more than a configuration that does not fit it.
        weights = checkpoint.read(path).weights
        read = Config.read(config_path)
        try:
            synthesizer = sovits.build(weights, read)
        except CheckpointError as error:
            raise CheckpointError(f"{path} with {config_path}: {error}") from error
        synthesizer.eval()
        synthesizer.fuse()
        return cls(read, synthesizer.to(device), path)


def find_weights(model: Path | str) -> Path:
    """The file of weights that `model` names, itself, as its folder, or as a voice that comes along.

    Raises:
        CheckpointError: there is none.
    """
    path = find_voice(model)
    if path.is_dir():
        found = checkpoint.latest(path)
        if found is None:
            raise CheckpointError(f"there is no G_*.pth in {path}; train a voice first, or name its file with -m")
        return found
    if not path.is_file():
        raise CheckpointError(f"there is no {path}; name the voice, a G_*.pth or its folder, with -m")
    return path
