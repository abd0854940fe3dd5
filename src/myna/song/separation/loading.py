"""Loading of separators by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from myna.errors import ConfigError
from myna.song.separation.interface import Separator
from myna.song.separation.spleeter import load_spleeter

SEPARATORS: Mapping[str, Callable[[str], Separator]] = MappingProxyType({"spleeter": load_spleeter})


def load_separator(name: str = "spleeter", device: str = "cpu") -> Separator:
    """Load a separator to a torch device.

    Raises:
        ConfigError: there is no separator of this name.
    """
    if name not in SEPARATORS:
        raise ConfigError(f"no separator {name!r}; there are: {', '.join(SEPARATORS)}")
    return SEPARATORS[name](device)
