"""Noise sources for a model: seeded random numbers, given numbers, and zeros with or without a record of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from myna.models.interface import NoiseName


class SeededNoise:
    """Random numbers from a torch generator, or from PyTorch's global generators if none is given.

    Numbers are generated on the generator's device, so that a CPU generator gives the same numbers for models on any
    device.
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self.generator = generator

    @classmethod
    def of(cls, seed: int, device: torch.device | str = "cpu") -> SeededNoise:
        return cls(torch.Generator(device).manual_seed(seed))

    def normal(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        device = self._device(like)
        return torch.randn(tuple(shape), generator=self.generator, device=device, dtype=like.dtype).to(like.device)

    def uniform(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        device = self._device(like)
        return torch.rand(tuple(shape), generator=self.generator, device=device, dtype=like.dtype).to(like.device)

    def _device(self, like: Tensor) -> torch.device:
        return like.device if self.generator is None else self.generator.device


class GivenNoise:
    """Numbers that the caller gives by name, reshaped to the shapes that the model requests."""

    def __init__(self, given: Mapping[str, Tensor]) -> None:
        self.given = given

    def normal(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        return (
            self.given[name].reshape(tuple(shape)).clone()
        )  # a copy, because models write to some of these tensors, and a graph's input is constant

    uniform = normal


class RecordedNoise:
    """Zeros, with a record of the requested names and shapes in the order of the requests."""

    def __init__(self) -> None:
        self.shapes: dict[NoiseName, list[int]] = {}

    def normal(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        self.shapes[name] = list(shape)
        return like.new_zeros(tuple(shape))

    uniform = normal


class SilentNoise:
    """Zeros: every Gaussian yields its mean, and the excitation contains no noise."""

    def normal(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        return like.new_zeros(tuple(shape))

    uniform = normal
