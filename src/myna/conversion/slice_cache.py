"""Memory of earlier conversions, so that one with other pitch edits sings only the slices that changed."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from myna.features.extractor import FeatureExtractor, Features

# Enough for a song of ten minutes, its features, its sound and the sound of some edited slices.
USUAL_BYTES = 512 << 20


class Sized(Protocol):
    """A value that knows its size in memory."""

    @property
    def nbytes(self) -> int: ...


Value = TypeVar("Value", bound=Sized)


class SliceCache:
    """Values by key, up to a total size; the values that were not used for the longest time are forgotten first.

    A key must contain everything that the value depends on. Values are shared: do not modify them.
    """

    def __init__(self, max_bytes: int = USUAL_BYTES) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, and compute it with `make` if it is not in memory."""
        if key in self._values:
            self._values.move_to_end(key)
            kept: Value = self._values[key]
            return kept
        value = make()
        self._values[key] = value
        self.n_bytes += value.nbytes
        while self.n_bytes > self.max_bytes:
            _, forgotten = self._values.popitem(last=False)
            self.n_bytes -= forgotten.nbytes
        return value


class CachedExtractor:
    """A feature extractor that remembers the features of recent recordings."""

    def __init__(self, extractor: FeatureExtractor, cache: SliceCache) -> None:
        self.extractor, self.cache = extractor, cache

    def __call__(self, audio: NDArray[np.float32], **how: Any) -> Features:
        key = "features", digest(audio), *sorted(how.items())
        return self.cache.get(key, lambda: self.extractor(audio, **how))


def digest(audio: NDArray[np.float32]) -> bytes:
    """Return a hash of samples (N,)."""
    return hashlib.blake2b(np.ascontiguousarray(audio).data, digest_size=16).digest()
