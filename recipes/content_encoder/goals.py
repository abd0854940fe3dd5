"""Goals of training: for each bundled encoder, the teacher whose output it is trained to predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from myna.features.content.embedded import N_SOUNDS, ContentNetwork, load_embedded
from recipes.content_encoder.start import start_from_teacher
from recipes.content_encoder.teacher import N_COMPONENTS, Targets, Teacher


class Goal(Protocol):
    """A teacher, and the student's initial weights."""

    width: int  # channels of the targets
    offset: float  # frame k of the targets is at the time (k + offset) / 50 s
    fixed_codes: bool  # whether the student keeps its initial codes

    def targets(self, clip: Path) -> Tensor:
        """Return the targets (T, width) of a prepared clip."""
        ...

    def shares_and_components(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares of the sounds (..., N_SOUNDS) and the content (..., N_COMPONENTS) to predict."""
        ...

    def start(self, network: ContentNetwork, clips: Callable[[], Sequence[Tensor]]) -> None:
        """Initialise the network; `clips` returns some recordings (N,) at 16 kHz."""
        ...


class WhisperGoal:
    """Whisper's features, projected on principal axes, and their clusters; see `teacher.py`."""

    width, offset, fixed_codes = N_COMPONENTS, 0.0, False

    def __init__(self, folder: Path, weights: Path) -> None:
        self._targets, self._weights = Targets.load(folder / "targets.bin"), weights

    def targets(self, clip: Path) -> Tensor:
        return self._targets.components(load_file(clip.with_suffix(".teacher"))["features"].float())

    def shares_and_components(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        return self._targets.shares(targets), targets

    def start(self, network: ContentNetwork, clips: Callable[[], Sequence[Tensor]]) -> None:
        start_from_teacher(network, Teacher(self._weights), clips())
        with torch.no_grad():
            network.codes.weight.copy_(self._targets.middles.T)
            network.codes.bias.zero_()


class EncoderGoal:
    """The shares that another bundled encoder computes for the original; the student also starts from its weights.

    The student keeps the codes of the other encoder, so that its content has the same meaning.
    """

    width, offset, fixed_codes = N_SOUNDS, 0.5, True

    def __init__(self, name: str) -> None:
        self._name, self._teacher = name, load_embedded(name).network.eval()

    @torch.inference_mode()
    def targets(self, clip: Path) -> Tensor:
        kept = clip.with_suffix(f".{self._name}")
        if not kept.exists():
            teacher = self._teacher
            audio = load_file(clip)["audio.0"].float()[None] / 32768
            logits = teacher.logits(teacher.from_mel(teacher.log_mel.padded(audio)))[0]
            save_file({"shares": logits.softmax(-1).half()}, kept)
        return load_file(kept)["shares"]

    def shares_and_components(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        return targets, self._teacher.codes(targets)

    def start(self, network: ContentNetwork, clips: Callable[[], Sequence[Tensor]]) -> None:
        weights = self._teacher.state_dict()
        for index, block in enumerate(network.blocks):
            weights[f"blocks.{index}.distances"] = weights[f"blocks.{index}.distances"][:, : block.size]
        network.load_state_dict(weights)


def goal_of(name: str, folder: Path, whisper: Path | None) -> Goal:
    """Return the goal of the bundled encoder `name`.

    Args:
        folder: folder of the prepared clips, with `targets.bin` if the teacher is Whisper.
        whisper: whisper-base-encoder.safetensors, for the encoder whose teacher it is.
    """
    if name == "myna-content-1":
        if whisper is None:
            raise SystemExit(f"{name} is trained with Whisper: give its weights with --teacher")
        return WhisperGoal(folder, whisper)
    return EncoderGoal("myna-content-1")
