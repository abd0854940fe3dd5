"""Training step: losses, gradients and updates of the synthesizer and the discriminators."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import AdamW

from myna.audio.spectrogram import MelSettings, mel_spectrogram, spectrogram_to_mel
from myna.config import Config
from myna.models.interface import DiscriminatorOutput, NoiseSource, TrainingOutput
from myna.models.layers.frames import slice_segments
from myna.models.noise import SeededNoise
from myna.training.dataset import Batch
from myna.training.families import ReconstructionLosses, segment_frames, training_family
from myna.training.losses import (
    Losses,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    loss_weights,
    weighted_sum,
)
from myna.training.progress import Progress
from myna.training.state import TrainState


@dataclass(frozen=True)
class Engine:
    """Fabric, its wrapped networks for mixed precision and distributed training, and reconstruction losses."""

    fabric: Fabric
    config: Config
    synthesizer: _FabricModule
    discriminators: _FabricModule
    losses: ReconstructionLosses

    @classmethod
    def of(cls, fabric: Fabric, config: Config, state: TrainState) -> Self:
        return cls(
            fabric,
            config,
            fabric.setup_module(state.synthesizer),
            fabric.setup_module(state.discriminators),
            training_family(config).losses(config, fabric.device),
        )


class Mels(NamedTuple):
    """Log-mel spectrograms (n_mels, T) of a recorded segment and of its generated counterpart."""

    recording: Tensor
    generated: Tensor


class StepResult(NamedTuple):
    """Result of a training step."""

    losses: dict[str, float]  # of a voice: "discriminator", "synthesizer", each term of the synthesizer's loss, by name
    gradient_norms: dict[str, float]
    # True if a loss or gradient norm was not finite. In fp16, gradient norms are ignored while the scale exceeds 1.
    skipped: bool
    mels: Mels | None  # None for trainings that synthesize nothing in a step


def train_step(engine: Engine, state: TrainState, batches: Sequence[Batch]) -> StepResult:
    """Update the synthesizer and the discriminators once, with the mean gradients of all `batches`.

    Until step `adversarial_start`, only the synthesizer is updated. The gradients of both networks are computed
    with the weights from before the step; the result is as in so-vits-svc-fork. In fp32 and bf16, neither network is
    updated if a loss or a gradient norm is not finite. In fp16, each network is updated if its own gradients are
    finite, even if those of the other are not.
    """
    seed_step(engine.config.train.seed, state.step, engine.fabric.global_rank)
    modules: dict[str, nn.Module] = {"synthesizer": state.synthesizer, "discriminator": state.discriminators}
    optimizers = (state.synthesizer_optimizer, state.discriminator_optimizer)
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)

    shares = []
    for index, batch in enumerate(batches):
        is_last = index == len(batches) - 1
        losses, mels = add_gradients(engine, state, batch, 1 / len(batches), SeededNoise(), is_last=is_last)
        shares.append(torch.stack([loss.detach() for loss in losses.values()]))

    stepping = optimizers if is_adversarial(engine, state) else optimizers[:1]
    unscale_gradients(engine.fabric, stepping)
    norms = torch.stack([gradient_norm(module).to(engine.fabric.device) for module in modules.values()])
    if engine.config.train.max_gradient is not None:
        clip_grads_with_norm_(state.synthesizer.parameters(), engine.config.train.max_gradient, norms[0])
    values = torch.cat([torch.stack(shares).mean(0), norms]).tolist()
    losses_by_name = dict(zip(losses, values, strict=False))
    bad = any_process(engine.fabric, not all(map(math.isfinite, values)))

    losses_finite = all(map(math.isfinite, losses_by_name.values()))
    bad = update_weights(engine.fabric, state, stepping, bad=bad, losses_finite=losses_finite)
    state.update_average(engine.config.train.average_decay)
    return StepResult(losses_by_name, dict(zip(modules, values[len(losses) :], strict=True)), bad, mels)


def add_gradients(
    engine: Engine, state: TrainState, batch: Batch, share: float, noise: NoiseSource, *, is_last: bool
) -> tuple[Losses, Mels]:
    """Compute the gradients of a batch, multiply them by `share`, and add them to the gradients of both networks.

    Args:
        is_last: True for the last batch of a step, after which processes exchange their gradients.

    Returns:
        The losses by name, and the mel spectrograms of the first segment of the batch.
    """
    fabric, data = engine.fabric, engine.config.data
    batch = batch.to(fabric.device)
    with (
        fabric.no_backward_sync(engine.synthesizer, enabled=not is_last),
        fabric.no_backward_sync(engine.discriminators, enabled=not is_last),
    ):
        output: TrainingOutput = engine.synthesizer(batch.input, segment_frames(engine.config), noise)
        generated, bandwidth_hz = output.audio, batch.bandwidth_hz
        recording = slice_segments(batch.audio, output.segment_starts * data.hop_length, generated.shape[2])
        losses = engine.losses(recording, batch.input.spectrogram, bandwidth_hz, output)
        mels = first_mels(engine, batch, output)
        discriminator = torch.zeros((), device=generated.device)
        if is_adversarial(engine, state):
            # Detach the generated audio, so that the gradients of the discriminator loss do not reach the synthesizer.
            scored = slice(math.ceil(engine.config.train.discriminator_share * len(generated)))
            recording, generated, bandwidth_hz = recording[scored], generated[scored], bandwidth_hz[scored]
            both = torch.cat([recording, generated.detach()])
            real, fake = _split(engine.discriminators(both, bandwidth_hz.repeat(2)))
            discriminator = discriminator_loss(real, fake)
            fabric.backward(discriminator * share)

            # The synthesizer's gradients pass through the discriminators, but are not added to the discriminators' own.
            with _frozen(state.discriminators), fabric.autocast():
                fake = state.discriminators(generated, bandwidth_hz)
            losses["adversarial"] = adversarial_loss(fake)
            losses["feature_matching"] = feature_matching_loss(real, fake)
        total = weighted_sum(losses, loss_weights(engine.config.train))
        fabric.backward(total * share)
    return {"discriminator": discriminator, "synthesizer": total, **losses}, mels


def is_adversarial(engine: Engine, state: TrainState) -> bool:
    """Return True if the next step uses and trains the discriminators."""
    return state.step >= engine.config.train.adversarial_start


@torch.no_grad()
def first_mels(engine: Engine, batch: Batch, output: TrainingOutput) -> Mels:
    """Return the log-mel spectrograms of the first segment of a batch."""
    settings, audio = MelSettings.of(engine.config.data), output.audio[:1]
    n_frames = audio.shape[2] // settings.hop_length
    recorded = slice_segments(batch.input.spectrogram[:1], output.segment_starts[:1], n_frames)
    return Mels(spectrogram_to_mel(recorded, settings)[0], mel_spectrogram(audio.squeeze(1), settings)[0])


def unscale_gradients(fabric: Fabric, optimizers: Sequence[AdamW]) -> None:
    """Divide the gradients in fp16 by the scale of their losses."""
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    if scaler is not None:
        for optimizer in optimizers:
            scaler.unscale_(optimizer)


def update_weights(
    fabric: Fabric, progress: Progress, optimizers: Sequence[AdamW], *, bad: bool, losses_finite: bool
) -> bool:
    """Update the weights if the step is good, and count skipped steps in `progress`.

    Args:
        bad: True if a loss or a gradient norm is not finite.

    Returns:
        True if the step was skipped. In fp16, gradient norms are ignored while the scale exceeds 1, because the scaler
        then halves its scale, and each optimizer skips only its own gradients.
    """
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    if scaler is not None:
        if scaler.get_scale() > 1 and losses_finite:
            bad = False
        for optimizer in optimizers:
            scaler.step(optimizer)
        scaler.update()
        progress.scaler = scaler.state_dict()
    elif not bad:
        for optimizer in optimizers:
            optimizer.step()
    progress.skipped_in_a_row = progress.skipped_in_a_row + 1 if bad else 0
    return bad


def gradient_norm(module: nn.Module) -> Tensor:
    """Return the norm of all gradients of a module (a number)."""
    return get_total_norm([parameter.grad for parameter in module.parameters() if parameter.grad is not None])


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed PyTorch's random number generators for a step, so that checkpoints do not need their states."""
    torch.manual_seed(int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0]))


def any_process(fabric: Fabric, here: bool) -> bool:
    """Return True if `here` is true in at least one process."""
    if fabric.world_size == 1:
        return here
    flag = torch.tensor(float(here), device=fabric.device)
    return bool(fabric.all_reduce(flag, reduce_op="sum"))


def _split(outputs: list[DiscriminatorOutput]) -> tuple[list[DiscriminatorOutput], list[DiscriminatorOutput]]:
    """Split the outputs for two concatenated batches into the outputs for the first and for the second batch."""
    halves: tuple[list[DiscriminatorOutput], list[DiscriminatorOutput]] = [], []
    for score, feature_maps in outputs:
        for index, half in enumerate(halves):
            half.append(DiscriminatorOutput(score.chunk(2)[index], [one.chunk(2)[index] for one in feature_maps]))
    return halves


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in module.parameters():
            parameter.requires_grad_(True)
