"""Download of voices from the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.assets.hub import Address


@dataclass(frozen=True)
class Fetched:
    """A downloaded voice."""

    name: str  # name in the library: the address, including the path of the weights
    files: tuple[Path, ...]  # the weights come first
    commit: str  # commit of the repository


def fetch(address: Address, files: Sequence[str] = (), progress: Progress = silent) -> Fetched:
    """Download a voice and the extra `files` of its repository; reuse files that were downloaded before.

    A voice consists of its weights and, if the repository has them, `config.json` and retrieval data.

    Raises:
        AssetError: the hub cannot be reached, the repository has no such voice or file, or it has several voices and
            the address names none.
    """
    from myna.assets.hub import Address, fetch_voice

    # Look up the commit again: the hub may have a newer one since the last download of this process.
    fetch_voice.cache_clear()
    voice = fetch_voice(address, tuple(files), cast(Hashable, progress))
    inside = voice.weights.parts[voice.weights.parts.index(voice.commit) + 1 :]
    there = (path for path in (voice.weights, voice.config, *voice.side_files) if path is not None)
    return Fetched(str(Address(address.repo, file="/".join(inside))), tuple(there), voice.commit)
