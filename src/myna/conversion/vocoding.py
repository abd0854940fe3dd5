"""Loading of the vocoder that a conversion uses."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from myna.assets import find_vocoder_file
from myna.models.vocoder import Vocoder
from myna.zoo.packing import read_card, read_packed
from myna.zoo.vocoders import find_vocoder, open_vocoder, opened_part


def load_vocoder(chosen: Path | None, device: str = "cpu", voice: Path | None = None) -> Vocoder:
    """Load a vocoder, ready to synthesize on `device`; the last one stays in memory.

    Args:
        chosen: file or folder that the user named; None takes the vocoder in a packed voice or, if there is none,
            searches the places of `assets.find_vocoder_file`.
        voice: weights file of the voice.

    Raises:
        AssetError: no vocoder was chosen, and none is in these places.
        CheckpointError: the file is not a vocoder.
        ConfigError: its config.json does not fit it.
    """
    if chosen is None and voice is not None and has_vocoder(voice):
        path = voice
    else:
        path = find_vocoder(chosen) if chosen is not None else find_vocoder_file()
    files = [one for one in (path, path.with_name("config.json")) if one.exists()]
    return _load(path, tuple((one.stat().st_size, one.stat().st_mtime_ns) for one in files), device)


@lru_cache(maxsize=1)
def _load(path: Path, versions: tuple[tuple[int, int], ...], device: str) -> Vocoder:
    if has_vocoder(path):
        return opened_part(path, *read_packed(path).parts["vocoder"]).build(device)
    return open_vocoder(path).build(device)


def has_vocoder(voice: Path) -> bool:
    """Return True if a voice is packed together with a vocoder; the weights are not read."""
    card = read_card(voice)
    return card is not None and "vocoder" in card.parts
