"""One step of the training: both networks judged, both moved."""

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
from torch.nn import functional as F
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from myna.audio.spectrogram import MelSettings, mel_spectrogram, spectrogram_to_mel
from myna.config import Config
from myna.models.discriminators.waveform import DiscriminatorOutput
from myna.models.layers.frames import slice_segments
from myna.models.layers.subbands import PseudoQmf
from myna.models.synthesizers.vits import TrainingOutput
from myna.training.dataset import Batch
from myna.training.losses import (
    Losses,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    kl_loss,
    loss_weights,
    spectral_losses,
    subband_loss,
    weighted_sum,
)
from myna.training.state import TrainState


@dataclass(frozen=True)
class Engine:
    """What a step computes with: Fabric, and the modules of `TrainState` as it wraps them for many processes."""

    fabric: Fabric
    config: Config
    synthesizer: _FabricModule
    discriminators: _FabricModule
    filter_bank: PseudoQmf | None  # for decoders whose sub-bands are judged, too

    @classmethod
    def of(cls, fabric: Fabric, config: Config, state: TrainState) -> Self:
        judged = config.model.decoder == "mb-istft"
        return cls(
            fabric,
            config,
            fabric.setup_module(state.synthesizer),
            fabric.setup_module(state.discriminators),
            PseudoQmf(config.model.n_subbands).to(fabric.device) if judged else None,
        )


class Mels(NamedTuple):
    """Log-mel spectrograms (n_mels, T) of one segment, for the eye."""

    recording: Tensor
    sung: Tensor


class StepResult(NamedTuple):
    """What a step leaves."""

    losses: dict[str, float]  # "critic", "synthesizer", and what the latter is the weighted sum of
    gradient_norms: dict[str, float]
    skipped: bool  # something was not finite, and what had such gradients did not move
    mels: Mels


def train_step(engine: Engine, state: TrainState, batches: Sequence[Batch]) -> StepResult:
    """Update both networks once, from the gradients of all `batches`.

    Both gradients are taken before either network moves, as so-vits-svc-fork does it. If anything in them is not
    finite, neither moves; in fp16 the one moves whose gradients are.
    """
    seed_step(engine.config.train.seed, state.step, engine.fabric.global_rank)
    modules: dict[str, nn.Module] = {"synthesizer": state.synthesizer, "critic": state.discriminators}
    optimizers = (state.synthesizer_optimizer, state.discriminator_optimizer)
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)

    shares = []
    for index, batch in enumerate(batches):
        losses, mels = add_gradients(engine, state, batch, 1 / len(batches), is_last=index == len(batches) - 1)
        shares.append(torch.stack([loss.detach() for loss in losses.values()]))

    moving = optimizers if is_judged(engine, state) else optimizers[:1]
    scaler = getattr(engine.fabric.strategy.precision, "scaler", None)
    if scaler is not None:
        for optimizer in moving:
            scaler.unscale_(optimizer)
    norms = torch.stack([_gradient_norm(module).to(engine.fabric.device) for module in modules.values()])
    if engine.config.train.max_gradient is not None:
        clip_grads_with_norm_(state.synthesizer.parameters(), engine.config.train.max_gradient, norms[0])
    values = torch.cat([torch.stack(shares).mean(0), norms]).tolist()
    losses_by_name = dict(zip(losses, values, strict=False))
    bad = any_process(engine.fabric, not all(map(math.isfinite, values)))

    if scaler is not None:
        # Gradients that are not finite make the scaler try a smaller scale: until that is 1, they are no defect.
        if scaler.get_scale() > 1 and all(map(math.isfinite, losses_by_name.values())):
            bad = False
        for optimizer in moving:
            scaler.step(optimizer)
        scaler.update()
        state.scaler = scaler.state_dict()
    elif not bad:
        for optimizer in moving:
            optimizer.step()
    state.update_average(engine.config.train.average_decay)
    state.skipped_in_a_row = state.skipped_in_a_row + 1 if bad else 0
    return StepResult(losses_by_name, dict(zip(modules, values[len(losses) :], strict=True)), bad, mels)


def add_gradients(
    engine: Engine, state: TrainState, batch: Batch, share: float, *, is_last: bool
) -> tuple[Losses, Mels]:
    """Add `share` of a batch's gradients to those of both networks; its losses by name.

    Args:
        is_last: processes exchange their gradients.
    """
    fabric, data = engine.fabric, engine.config.data
    segment_frames = engine.config.train.segment_size // data.hop_length
    batch = batch.to(fabric.device)
    with (
        fabric.no_backward_sync(engine.synthesizer, enabled=not is_last),
        fabric.no_backward_sync(engine.discriminators, enabled=not is_last),
    ):
        output: TrainingOutput = engine.synthesizer(batch.input, segment_frames)
        sung, starts = output.audio, output.segment_starts
        recording = slice_segments(batch.audio, starts * data.hop_length, sung.shape[2])
        losses, mels = reconstruction_losses(engine, batch, output, recording)
        critic = torch.zeros((), device=sung.device)
        if is_judged(engine, state):
            # The critic sees a detached copy, so its gradient never reaches the synthesizer.
            n_judged = math.ceil(engine.config.train.judged_share * len(sung))
            recording, sung, highest_hz = recording[:n_judged], sung[:n_judged], batch.highest_hz[:n_judged]
            both = torch.cat([recording, sung.detach()])
            of_recording, of_sung = _split(engine.discriminators(both, highest_hz.repeat(2)))
            critic = discriminator_loss(of_recording, of_sung)
            fabric.backward(critic * share)

            # The synthesizer's gradient passes through the critic without leaving one there.
            with _frozen(state.discriminators), fabric.autocast():
                of_sung = state.discriminators(sung, highest_hz)
            losses["adversarial"] = adversarial_loss(of_sung)
            losses["feature_matching"] = feature_matching_loss(of_recording, of_sung)
        total = weighted_sum(losses, loss_weights(engine.config.train))
        fabric.backward(total * share)
    return {"critic": critic, "synthesizer": total, **losses}, mels


def is_judged(engine: Engine, state: TrainState) -> bool:
    """Whether the discriminators are heard, and learn, in the coming step."""
    return state.step >= engine.config.train.adversarial_start


def reconstruction_losses(
    engine: Engine, batch: Batch, output: TrainingOutput, recording: Tensor
) -> tuple[Losses, Mels]:
    """How far what was sung is from the recording (B, 1, N), and whatever else the synthesizer must get right."""
    config, sung = engine.config, output.audio
    if output.latents is None:
        losses = spectral_losses(recording.squeeze(1), sung.squeeze(1), batch.highest_hz, config.data.sample_rate)
        with torch.no_grad():  # one segment, and for the eye alone
            of_recording, of_sung = _mels(engine, batch, output, 1)
        return losses, Mels(of_recording[0], of_sung[0])
    of_recording, of_sung = _mels(engine, batch, output, len(sung))
    shown = Mels(of_recording[0], of_sung[0])
    losses = {"mel": F.l1_loss(of_sung, of_recording), "kl": kl_loss(output.latents)}
    if output.f0_predicted is not None and output.f0_target is not None:
        losses["f0"] = F.mse_loss(output.f0_predicted, output.f0_target)
    if engine.filter_bank is not None and output.subbands is not None:
        losses["subband"] = subband_loss(engine.filter_bank.analysis(recording), output.subbands, config.train)
    return losses, shown


def seed_step(seed: int, step: int, rank: int) -> None:
    """Let the random numbers of a step follow from its number, so that none need to be saved."""
    torch.manual_seed(int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0]))


def any_process(fabric: Fabric, here: bool) -> bool:
    """Whether it is so in any process."""
    if fabric.world_size == 1:
        return here
    flag = torch.tensor(float(here), device=fabric.device)
    return bool(fabric.all_reduce(flag, reduce_op="sum"))


def _mels(engine: Engine, batch: Batch, output: TrainingOutput, n_clips: int) -> tuple[Tensor, Tensor]:
    """Log-mel spectrograms (n_clips, n_mels, T) of the first recorded and the first sung segments."""
    settings, sung = MelSettings.of(engine.config.data), output.audio[:n_clips]
    starts, n_frames = output.segment_starts[:n_clips], sung.shape[2] // settings.hop_length
    recorded = slice_segments(batch.input.spectrogram[:n_clips], starts, n_frames)
    return spectrogram_to_mel(recorded, settings), mel_spectrogram(sung.squeeze(1), settings)


def _gradient_norm(module: nn.Module) -> Tensor:
    return get_total_norm([parameter.grad for parameter in module.parameters() if parameter.grad is not None])


def _split(judgements: list[DiscriminatorOutput]) -> tuple[list[DiscriminatorOutput], list[DiscriminatorOutput]]:
    """Judgements of two batches that were judged as one."""
    halves: tuple[list[DiscriminatorOutput], list[DiscriminatorOutput]] = [], []
    for score, feature_maps in judgements:
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
