"""Clone a singing voice and sing any song in it.

    from myna import Converter
    converter = Converter.load("logs/44k", "configs/44k/config.json")
    converter.convert_file("vocals.wav", "vocals.out.wav")

Importing this package loads no heavy library: `Converter` and `Voice` are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from myna.config import Config
from myna.errors import MynaError
from myna.options import ConversionOptions

if TYPE_CHECKING:
    from myna.conversion.converter import Converter
    from myna.voice import Voice

__all__ = ["Config", "ConversionOptions", "Converter", "MynaError", "Voice", "__version__"]

__version__ = version("myna")

_LAZY = {"Converter": "myna.conversion.converter", "Voice": "myna.voice"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'myna' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
