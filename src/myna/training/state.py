"""All that lives in a training, and how it goes to the disk and back.

What is in `TrainState` is what resumes. Random numbers need no place in it: those of a step follow from the seed and
the number of the step, those of a clip from the seed, the epoch and the clip.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from myna.assets import find_base_weights
from myna.config import Config
from myna.errors import AssetError, CheckpointError
from myna.models.families import DISCRIMINATORS
from myna.models.interface import Discriminators, TrainableSynthesizer
from myna.options import TrainOptions
from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint
from myna.training.families import training_family
from myna.zoo.discriminators import discriminator_from_field, discriminator_to_field
from myna.zoo.sovits import generator_from_field, generator_to_field

_log = logging.getLogger(__name__)

_SPEAKERS = ("speaker_embedding.weight", "highest_hz")  # a row for each
_AVERAGE_LEAD = 10  # steps
_TRAINED = "trained_weights"  # in a file whose weights are an average: those that the optimiser moves


@dataclass
class TrainState:
    """The networks, their optimisers, and how far they are."""

    synthesizer: TrainableSynthesizer
    discriminators: Discriminators
    synthesizer_optimizer: AdamW
    discriminator_optimizer: AdamW
    step: int = 0  # updates done
    epoch: int = 0  # whole passes over the clips
    position: int = 0  # updates done in the running epoch
    skipped_in_a_row: int = 0  # steps that were not finite, up to the last
    # What `position` counts in; with other numbers the running epoch begins anew.
    batch_size: int = 0
    steps_per_epoch: int = 0
    scaler: dict[str, Any] = field(default_factory=dict)  # of half precision
    average: dict[str, Tensor] | None = None  # of the synthesizer's weights over the last steps: what sings, if there

    @classmethod
    def create(cls, config: Config, device: torch.device) -> Self:
        """Random weights on `device`."""
        train = config.train
        synthesizer = training_family(config).create(config).to(device)
        discriminators = DISCRIMINATORS[train.discriminators](config.data).to(device)
        return cls(
            synthesizer,
            discriminators,
            AdamW(synthesizer.parameters(), train.learning_rate, train.betas, train.eps),
            AdamW(discriminators.parameters(), train.learning_rate, train.betas, train.eps),
        )

    @property
    def epoch_number(self) -> int:
        """The running epoch, counted from 1, or the one that just ended."""
        return self.epoch + (self.position > 0)

    def advance(self) -> None:
        """Count one more step."""
        self.step += 1
        self.position += 1
        if self.position == self.steps_per_epoch:
            self.epoch, self.position = self.epoch + 1, 0

    def update_average(self, decay: float) -> None:
        """Let the average follow the weights; of a young training it looks back over a tenth only."""
        if not decay:
            self.average = None  # one that stood still would sing for ever
            return
        weights = self.synthesizer.state_dict()
        if self.average is None:
            self.average = {name: tensor.clone() for name, tensor in weights.items()}
        share = max(1 - decay, _AVERAGE_LEAD / (self.step + _AVERAGE_LEAD))
        fixed = dict(self.synthesizer.named_buffers())
        for name, tensor in weights.items():
            self.average[name].lerp_(tensor, 1.0 if name in fixed else share)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the synthesizer sing with its average, where there is one."""
        if self.average is None:
            yield
            return
        weights = {name: tensor.clone() for name, tensor in self.synthesizer.state_dict().items()}
        self.synthesizer.load_state_dict(self.average)
        try:
            yield
        finally:
            self.synthesizer.load_state_dict(weights)

    def set_learning_rate(self, config: Config) -> float:
        """The exponential decay of the predecessors: by `lr_decay` after each epoch."""
        rate = config.train.learning_rate * config.train.lr_decay**self.epoch
        for optimizer in (self.synthesizer_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = rate
        return rate


def save(state: TrainState, folder: Path, config: Config) -> Path:
    """Write `G_*.pth` and `D_*.pth`, and delete what `keep_ckpts` does not keep; returns the generator's path.

    Raises:
        CheckpointError: they cannot be written; those that were there before are untouched.
    """
    number = state.step if config.train.ckpt_name_by_step else state.epoch_number
    progress = {
        "step": state.step,
        "epoch": state.epoch,
        "position": state.position,
        "skipped_in_a_row": state.skipped_in_a_row,
        "batch_size": state.batch_size,
        "steps_per_epoch": state.steps_per_epoch,
        "scaler": state.scaler,
    }
    rate = config.train.learning_rate
    weights = generator_to_field(state.synthesizer.state_dict())
    if state.average is not None:
        progress[_TRAINED] = weights
        weights = generator_to_field(state.average)
    generator = Checkpoint(
        weights,
        state.epoch_number,
        rate,
        state.synthesizer_optimizer.state_dict(),
        progress,
    )
    discriminator = Checkpoint(
        discriminator_to_field(state.discriminators.state_dict()),
        state.epoch_number,
        rate,
        state.discriminator_optimizer.state_dict(),
        {"step": state.step},
    )
    path = folder / f"G_{number}.pth"
    checkpoint.write_together({folder / f"D_{number}.pth": discriminator, path: generator})
    _delete_old(folder, config.train.keep_ckpts, number)
    return path


def load_start(state: TrainState, folder: Path, config: Config, options: TrainOptions) -> str:
    """Go on from the last save in `folder`; else from base weights; else, if asked for, from random weights.

    Returns:
        Where it starts from, for a person.

    Raises:
        AssetError: there are no base weights.
        CheckpointError: a file is not what it should be, or does not fit the configuration.
    """
    number = _last_save(folder)
    if number is not None:
        path = folder / f"G_{number}.pth"
        _resume(state, path, folder / f"D_{number}.pth", options.reset_optimizer)
        return f"going on from {path}"
    if options.from_scratch:
        return "from random weights"
    generator, discriminator = _find_base(folder, config, options.pretrained_dir)
    _load_base(state, generator, discriminator)
    return f"from the base weights {generator}"


def _last_save(folder: Path) -> int | None:
    """The highest number other than 0 that has both files."""
    generators = checkpoint.numbered(folder, "G").keys() - {0}
    both = generators & checkpoint.numbered(folder, "D").keys()
    if generators and not both:
        raise CheckpointError(
            f"{folder} has G_{max(generators)}.pth and no D_{max(generators)}.pth; to train on from it, rename it to "
            "G_0.pth and put a D_0.pth beside it"
        )
    return max(both, default=None)


def _resume(state: TrainState, generator: Path, discriminator: Path, reset_optimizer: bool) -> None:
    saved, judges = checkpoint.read(generator), checkpoint.read(discriminator, "D")
    _load(state.synthesizer, generator_from_field(saved.extra.get(_TRAINED, saved.weights)), generator)
    if _TRAINED in saved.extra:
        own = state.synthesizer.state_dict()
        state.average = {name: one.to(own[name]) for name, one in generator_from_field(saved.weights).items()}
    _load(state.discriminators, discriminator_from_field(judges.weights), discriminator)
    if not reset_optimizer:
        _load_optimizer(state.synthesizer_optimizer, saved.optimizer, generator)
        _load_optimizer(state.discriminator_optimizer, judges.optimizer, discriminator)
    progress = saved.extra
    if progress and judges.extra.get("step") != progress["step"]:
        _log.warning("%s and %s were not saved at the same step", generator, discriminator)
    state.step = progress.get("step", 0)
    state.epoch = progress.get("epoch", saved.iteration)
    for name in ("position", "skipped_in_a_row", "batch_size", "steps_per_epoch", "scaler"):
        setattr(state, name, progress.get(name, getattr(state, name)))


def _load(module: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    try:
        checkpoint.load_weights(module, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _load_optimizer(optimizer: AdamW, saved: dict[str, Any] | None, path: Path) -> None:
    """Take over the moments; rates and the like are those of the configuration."""
    moments = (saved or {}).get("state", {})
    if not moments:
        return  # a file of weights only: the optimiser begins anew
    own = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    fits = len(moments) == len(parameters) and all(
        moments[index]["exp_avg"].shape == parameter.shape for index, parameter in enumerate(parameters)
    )
    if not fits:
        raise CheckpointError(f"the optimiser in {path} is not one of this voice; begin it anew with -r")
    optimizer.load_state_dict({"state": moments, "param_groups": own["param_groups"]})


def _find_base(folder: Path, config: Config, pretrained_dir: Path | None) -> tuple[Path, Path]:
    own = folder / "G_0.pth", folder / "D_0.pth"
    if all(path.is_file() for path in own):
        return own
    name = config.train.base_weights
    if name is None and pretrained_dir is None:
        raise AssetError(
            f"config.json names no base weights (train.base_weights); put G_0.pth and D_0.pth into {folder}, "
            "name their folder with --pretrained-dir, or train with --from-scratch"
        )
    return find_base_weights(name or "", pretrained_dir)


def _load_base(state: TrainState, generator: Path, discriminator: Path) -> None:
    """Weights of another voice: all must fit but the speakers, whose rows are ours to fill."""
    weights = generator_from_field(checkpoint.read(generator).weights)
    own = state.synthesizer.state_dict()
    for name in _SPEAKERS:
        if name in weights and name in own and weights[name].shape[1:] == own[name].shape[1:]:
            rows = min(len(weights[name]), len(own[name]))
            weights[name] = torch.cat([weights[name][:rows].to(own[name]), own[name][rows:]])
    source = "decoder.source.mix.weight"  # NSF decoders have it, inverse-STFT decoders do not
    if source in weights and source not in own:
        # As so-vits-svc-fork begins QuickVC voices: no one shares base weights for their decoders.
        _log.warning("the decoder begins with random weights: %s has one of another kind", generator)
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith("decoder.")}
        weights |= {name: tensor for name, tensor in own.items() if name.startswith("decoder.")}
    _load(state.synthesizer, weights, generator)
    _load(state.discriminators, discriminator_from_field(checkpoint.read(discriminator, "D").weights), discriminator)


def _delete_old(folder: Path, n_kept: int, newest: int) -> None:
    """Keep the last `n_kept` saves up to `newest`, and base weights always; 0 keeps all."""
    if not n_kept:
        return
    kinds: tuple[checkpoint.Kind, ...] = ("G", "D")
    for kind in kinds:
        saved = [number for number in checkpoint.numbered(folder, kind) if 0 < number <= newest]
        for number in saved[:-n_kept]:
            (folder / f"{kind}_{number}.pth").unlink(missing_ok=True)
