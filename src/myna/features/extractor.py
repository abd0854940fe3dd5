"""What the synthesizer hears of a recording, and the one way to compute it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Features:
    """What the synthesizer hears of one recording: T frames, one every `hop_length` samples.

    Frame t describes the samples from `t * hop_length` up to `(t + 1) * hop_length`. `f0` is 0 where the voice is
    unvoiced, so that voicing needs no second field to disagree with.
    """

    content: Tensor  # (C, T) phonetic content, free of the speaker
    f0: Tensor  # (T,) Hz
    loudness: Tensor  # (T,) dB relative to full scale

    def __post_init__(self) -> None:
        lengths = {self.content.shape[-1], self.f0.shape[-1], self.loudness.shape[-1]}
        if len(lengths) != 1:
            raise ValueError(f"features must have one length, got {sorted(lengths)} frames")

    @property
    def n_frames(self) -> int:
        return self.f0.shape[-1]

    @property
    def voiced(self) -> Tensor:
        return self.f0 > 0

    def transposed(self, semitones: float) -> Features:
        return replace(self, f0=self.f0 * 2 ** (semitones / 12))
