"""Separation with networks of pymss-core: BS-RoFormer, Mel-Band RoFormer, MDX23C, SCNet, HTDemucs and others.

pymss-core, an optional package, builds a network from its configuration, a YAML file. The networks map samples to
samples. A song is processed in overlapping chunks, as long as those in the network's training.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.assets import sha256_of
from myna.audio.slicing import windows
from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.song.separation.interface import Samples
from myna.storage import torch_file

_CONFIG_SUFFIXES = (".yaml", ".yml")
_VOCALS = frozenset(("vocals", "vocal"))
_MUSIC = frozenset(("instrumental", "accompaniment", "other", "no_vocals", "no vocals"))
_WEIGHT_KEYS = ("state", "state_dict", "model_state_dict")  # keys of the weights in files with more content
# Classes in the files of Demucs whose instances are not needed.
_IGNORED = frozenset(("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "fractions.Fraction"))
_LEAST_OVERLAP = 2  # with only one chunk for each sample, the joins would be audible


@dataclass(frozen=True)
class ChunkSettings:
    """Settings of a network, from its configuration."""

    sample_rate: int
    chunk_samples: int
    n_overlaps: int  # number of chunks over each sample
    stems: tuple[str, ...]  # in the order of the network's output, in lower case

    @classmethod
    def of(cls, config: Mapping[str, Any], path: Path) -> Self:
        """Read the settings from a configuration.

        Raises:
            ConfigError: a value is missing or malformed, or the network does not separate vocals or is not for stereo.
        """
        try:
            audio, training = config["audio"], config["training"]
            target = training.get("target_instrument")
            stems = tuple(str(name).lower() for name in ([target] if target else training["instruments"]))
            overlaps = int(config.get("inference", {}).get("num_overlap", _LEAST_OVERLAP))
            found = cls(
                int(audio.get("sample_rate", 44100)), int(audio["chunk_size"]), max(overlaps, _LEAST_OVERLAP), stems
            )
            n_channels = int(audio.get("num_channels", 2))
            if found.chunk_samples < found.n_overlaps or found.sample_rate <= 0:
                raise ValueError("chunk_size or sample_rate is too low")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"it lacks the key {error}" if isinstance(error, KeyError) else str(error)
            raise ConfigError(f"{path} is not the configuration of a separator: {reason}") from error
        if n_channels != 2:
            raise ConfigError(
                f"{path} describes a network for {n_channels} channels; only those for stereo can be used"
            )
        if not (_VOCALS & {*stems} or (len(stems) == 1 and stems[0] in _MUSIC)):
            raise ConfigError(f"{path} describes a network without vocals among its stems: {', '.join(stems)}")
        return found

    @property
    def vocals(self) -> int | None:
        """Index of the vocals among the stems; None if the only stem is the accompaniment."""
        return next((index for index, name in enumerate(self.stems) if name in _VOCALS), None)


class PymssSeparator:
    """`Separator` with a network of pymss-core."""

    def __init__(self, network: nn.Module, settings: ChunkSettings, name: str, identity: str, device: str) -> None:
        self.name, self.identity, self.sample_rate = name, identity, settings.sample_rate
        self.network = network.to(device).eval()
        self.device = device
        self._settings = settings
        self._hop = settings.chunk_samples // settings.n_overlaps
        # The sum of these windows, `_hop` samples apart, is 1 at each sample.
        window = torch.hann_window(self._hop * settings.n_overlaps) * (2 / settings.n_overlaps)
        self._window = F.pad(window, (0, settings.chunk_samples - len(window)))

    @torch.inference_mode()
    def vocals(self, song: Iterable[Samples], n_samples: int) -> Iterator[Samples]:
        """Yield the vocals of a song; see `Separator.vocals`."""
        hop, chunk = self._hop, self._settings.chunk_samples
        starts = range((1 - self._settings.n_overlaps) * hop, n_samples, hop)
        added = np.zeros((2, chunk), np.float32)
        for start, samples in zip(starts, windows(song, ((first, first + chunk) for first in starts)), strict=True):
            added += (self._chunk(torch.from_numpy(samples).to(self.device)).cpu() * self._window).numpy()
            if start >= 0:
                yield added[:, : min(hop, n_samples - start)]
            added = np.pad(added[:, hop:], ((0, 0), (0, hop)))

    def _chunk(self, samples: Tensor) -> Tensor:
        """Return the vocals of one chunk, (2, chunk_samples)."""
        with warnings.catch_warnings():
            # SCNet uses an STFT without window, as in its training; PyTorch warns about this.
            warnings.filterwarnings("ignore", "A window was not provided", UserWarning)
            found: Tensor = self.network(samples[None])[0]
        # Networks for one stem may omit the axis of the stems, and some return a few samples less than their input.
        stems = F.pad(found.reshape(-1, 2, found.shape[-1]), (0, samples.shape[-1] - found.shape[-1]))
        return samples - stems[0] if self._settings.vocals is None else stems[self._settings.vocals]


def load_pymss(
    weights: Path, config: Path | None = None, name: str | None = None, device: str = "cpu"
) -> PymssSeparator:
    """Load a network of pymss-core.

    Args:
        weights: file of the weights.
        config: configuration; None uses the file with the same name and the suffix .yaml or .yml.
        name: name for messages; None uses the file name.
        device: torch device.

    Raises:
        MissingExtraError: pymss-core is not installed.
        ConfigError: the configuration is missing or malformed, or the network does not separate vocals in stereo.
        CheckpointError: the weights cannot be read, or do not fit the configuration.
    """
    config = config or _config_beside(weights)
    settings = ChunkSettings.of(_read_config(config), config)
    try:
        from pymss_core import get_model_from_config
    except ImportError as error:
        raise MissingExtraError(f"the separator {name or weights.name}", "separation") from error
    try:
        network, _ = get_model_from_config("auto", str(config))
    except MemoryError:
        raise
    # The constructors of the networks raise any kind of error for a wrong configuration.
    except Exception as error:
        raise ConfigError(f"{config} describes no network that pymss-core can build: {error}") from error
    try:
        network.load_state_dict(_read_weights(weights))
    except RuntimeError as error:
        raise CheckpointError(f"{weights} does not fit {config}: {str(error).splitlines()[0]}") from error
    return PymssSeparator(network, settings, name or weights.name, f"pymss-{sha256_of(weights)}", device)


def _config_beside(weights: Path) -> Path:
    found = next((path for suffix in _CONFIG_SUFFIXES if (path := weights.with_suffix(suffix)).is_file()), None)
    if found is None:
        raise ConfigError(f"{weights} needs its configuration beside it: {weights.with_suffix('.yaml').name}")
    return found


def _read_config(path: Path) -> Mapping[str, Any]:
    """Read a configuration that contains only plain values and tuples; refuse any other.

    This matters because pymss-core reads the file again, with a reader that accepts a few more Python types.
    """
    import yaml

    class PlainLoader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    PlainLoader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node))
    )
    try:
        found = yaml.load(path.read_text("utf-8"), PlainLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "problem", None) or getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"cannot read the configuration {path}: {reason}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is not the configuration of a separator")
    return found


def _read_weights(path: Path) -> Mapping[str, Tensor]:
    """Read the weights of a network, without running code from the file."""
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"cannot read {path}: {error}") from error
    found = torch_file.read(path, _IGNORED)
    if isinstance(found, dict):
        found = next((found[key] for key in _WEIGHT_KEYS if isinstance(found.get(key), dict)), found)
    if not isinstance(found, dict) or not all(isinstance(one, Tensor) for one in found.values()):
        raise CheckpointError(f"{path} contains no weights of a network")
    return found
