"""Cache of earlier conversions, so that a conversion with other pitch edits computes only the slices that changed."""

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
    """A value with a known size in memory."""

    @property
    def nbytes(self) -> int: ...


Value = TypeVar("Value", bound=Sized)


class SliceCache:
    """Cache of values by key, with a limit on the total size; the least recently used values are removed first.

    A key must contain all inputs of the value. Values are shared: do not modify them.
    """

    def __init__(self, max_bytes: int = USUAL_BYTES) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key; if it is not in the cache, compute it with `make`."""
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
    """A feature extractor that caches the features of recent recordings."""

    def __init__(self, extractor: FeatureExtractor, cache: SliceCache) -> None:
        self.extractor, self.cache = extractor, cache

    def __call__(self, audio: NDArray[np.float32], **how: Any) -> Features:
        key = "features", self.extractor.precision, digest(audio), *sorted(how.items())
        return self.cache.get(key, lambda: self.extractor(audio, **how))


def digest(audio: NDArray[np.float32]) -> bytes:
    """Return a hash of samples (N,)."""
    return hashlib.blake2b(np.ascontiguousarray(audio).data, digest_size=16).digest()
