"""Loading of the vocoder that a conversion uses."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from myna.assets import find_vocoder_file
from myna.models.vocoder import Vocoder
from myna.zoo.vocoders import find_vocoder, open_vocoder


def load_vocoder(chosen: Path | None, device: str = "cpu") -> Vocoder:
    """Load a vocoder, ready to synthesize on `device`; the last one stays in memory.

    Args:
        chosen: file or folder that the user named; None searches the places of `assets.find_vocoder_file`.

    Raises:
        AssetError: no vocoder was chosen, and none is in these places.
        CheckpointError: the file is not a vocoder.
        ConfigError: its config.json does not fit it.
    """
    path = find_vocoder(chosen) if chosen is not None else find_vocoder_file()
    files = [one for one in (path, path.with_name("config.json")) if one.exists()]
    return _load(path, tuple((one.stat().st_size, one.stat().st_mtime_ns) for one in files), device)


@lru_cache(maxsize=1)
def _load(path: Path, versions: tuple[tuple[int, int], ...], device: str) -> Vocoder:
    return open_vocoder(path).build(device)
