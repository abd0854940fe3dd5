"""Cache on disk for the results of slow steps, keyed by the inputs of the steps.

An entry is a folder of files and facts. Its name is a digest of the step and the inputs, so an existing entry always
fits the inputs. If the total size exceeds a limit, the least recently used entries are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna.errors import ConfigError
from myna.storage import lock
from myna.storage.atomic import making_folder

_FACTS, _LOCK = "facts.json", "lock"
_DIGITS = 32  # hexadecimal digits of a digest: 128 bits
_DEFAULT_GB = 10.0
_IN_USE_SECONDS = 24 * 3600.0  # without locks, an entry that was used within this time may be in use


@dataclass(frozen=True)
class Entry:
    """A result in the cache.

    Attributes:
        key: digest of the step and its inputs.
        folder: folder of its files.
        facts: facts about the result, as JSON values.
        is_new: whether this request computed the result.
    """

    key: str
    folder: Path
    facts: dict[str, Any]
    is_new: bool


class StageCache:
    """Cache in a folder. Entries used in a `with` block are not removed before the end of the block.

    with StageCache(default_cache_folder()) as cache:
        entry = cache.get("separated", {"song": digest_of(path)}, separate_into)
    """

    def __init__(self, folder: Path, most_bytes: float | None = None) -> None:
        """
        Args:
            folder: folder of the entries, which is created.
            most_bytes: limit on the total size of the entries; by default `MYNA_CACHE_GB`, else 10 GB.
        """
        self._folder = folder
        self._most_bytes = _most_bytes() if most_bytes is None else most_bytes
        self._in_use = ExitStack()

    def __enter__(self) -> StageCache:
        return self

    def __exit__(self, *_error: object) -> None:
        self._in_use.close()
        with suppress(OSError):
            self._remove_old()

    def get(self, step: str, inputs: Mapping[str, Any], compute: Callable[[Path], Mapping[str, Any]]) -> Entry:
        """Return the result of a step for these inputs; compute it if it is not in the cache.

        Args:
            step: name of the step.
            inputs: all inputs that affect the result, as JSON values.
            compute: function that writes the files into an empty folder and returns facts about the result.
        """
        key = digest_of_values({"step": step, **inputs})[:_DIGITS]
        folder = self._folder / f"{step}-{key}"
        if (facts := self._hold(folder)) is not None:
            return Entry(key, folder, facts, is_new=False)
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed while removing the entry
        with making_folder(folder) as temporary:
            facts = dict(compute(temporary))
            (temporary / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
        self._hold(folder)
        return Entry(key, folder, facts, is_new=True)

    def _hold(self, folder: Path) -> dict[str, Any] | None:
        """Return the facts of an entry, and prevent its removal by other processes; None if there is no such entry."""
        if not folder.is_dir():
            return None
        with suppress(OSError):  # the file system may have no locks
            descriptor = lock.acquire(folder / _LOCK, shared=True)
            if descriptor is None:  # another process is removing the entry
                return None
            self._in_use.callback(lock.release, descriptor)
        try:
            facts: dict[str, Any] = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
            os.utime(folder / _FACTS)
        except (OSError, ValueError):
            return None
        return facts

    def _remove_old(self) -> None:
        """Remove unused entries, the least recently used first, until the total size is within the limit."""
        entries = sorted(self._folder.glob(f"*/{_FACTS}"), key=lambda facts: facts.stat().st_mtime)
        sizes = {facts.parent: sum(file.stat().st_size for file in facts.parent.iterdir()) for facts in entries}
        total = sum(sizes.values())
        for folder, n_bytes in sizes.items():
            if total <= self._most_bytes:
                return
            if _remove_unused(folder):
                total -= n_bytes


def _remove_unused(folder: Path) -> bool:
    """Remove an entry unless it is in use; return True if it was removed."""
    facts = folder / _FACTS
    try:
        descriptor = lock.acquire(folder / _LOCK)
        if descriptor is None:
            return False
    except OSError:  # the file system has no locks
        if time.time() - facts.stat().st_mtime < _IN_USE_SECONDS:
            return False
        descriptor = None
    facts.unlink()  # a folder without facts is no entry
    if descriptor is not None:
        lock.release(descriptor)
    shutil.rmtree(folder, ignore_errors=True)
    return True


def default_cache_folder() -> Path:
    """Return the folder `MYNA_CACHE`, or else the folder in the system's folder for caches."""
    if given := os.environ.get("MYNA_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "myna" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "myna"
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (chosen if chosen.is_absolute() else Path.home() / ".cache") / "myna"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_values(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of JSON values; their order does not matter."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _most_bytes() -> float:
    text = os.environ.get("MYNA_CACHE_GB") or str(_DEFAULT_GB)
    try:
        return max(float(text), 0.0) * 1e9
    except ValueError as error:
        raise ConfigError(f"MYNA_CACHE_GB is {text!r}, which is not a number of gigabytes") from error
