"""Loading of separators by name."""

from __future__ import annotations

from pathlib import Path

from myna import assets
from myna.errors import ConfigError
from myna.song.separation.interface import Separator
from myna.song.separation.spleeter import Spleeter, load_spleeter


def load_separator(name: str = Spleeter.name, device: str = "cpu") -> Separator:
    """Load a separator to a torch device.

    Args:
        name: "spleeter", the bundled separator; a key of `assets.SEPARATORS` (missing files are downloaded); or the
            path of the weights of a pymss-core network, with its configuration in the same folder.
        device: torch device.

    Raises:
        ConfigError: there is no separator with this name, or its configuration is malformed.
        AssetError, CheckpointError: the weights are unavailable, damaged or do not fit.
        MissingExtraError: the extra 'separation' is not installed.
    """
    from myna.song.separation.pymss import load_pymss

    if name == Spleeter.name:
        return load_spleeter(device)
    if name in assets.SEPARATORS:
        return load_pymss(*assets.find_separator(name), name, device)
    if Path(name).is_file():
        return load_pymss(Path(name), device=device)
    known = ", ".join([Spleeter.name, *assets.SEPARATORS])
    raise ConfigError(f"no separator {name!r}; there are: {known}, or name a file of weights with its .yaml beside it")
