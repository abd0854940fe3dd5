"""Training state and its checkpoints.

`TrainState` contains all data for resuming training. It contains no states of random number generators: the random
numbers of a step depend only on the seed, the step and the process, and those of a clip depend only on the seed, the
epoch and the clip.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.optim import AdamW

from myna.assets import find_base_weights
from myna.config import Config
from myna.errors import AssetError, CheckpointError
from myna.models.families import DISCRIMINATORS
from myna.models.interface import Discriminators, TrainableSynthesizer
from myna.options import TrainOptions
from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint
from myna.training.families import TrainingFamily, training_family
from myna.training.progress import Progress, checked_scaler, invalid_counters, load_module, load_optimizer
from myna.zoo.discriminators import discriminator_from_stored, discriminator_to_stored
from myna.zoo.sovits import generator_from_stored

_log = logging.getLogger(__name__)

_SPEAKERS = ("speaker_embedding.weight", "highest_hz")  # tensors with one row per speaker
_AVERAGE_LEAD = 10  # in steps; see `TrainState.update_average`
# With weight averaging, a checkpoint stores the averages as its weights, and the weights that the optimizer updates
# under this key.
_TRAINED = "trained_weights"


@dataclass(kw_only=True)
class TrainState(Progress):
    """Networks, optimizers and progress of training."""

    synthesizer: TrainableSynthesizer
    discriminators: Discriminators
    synthesizer_optimizer: AdamW
    discriminator_optimizer: AdamW
    # Moving average of the synthesizer's weights, for use in conversion; None if averaging is off.
    average: dict[str, Tensor] | None = None

    @classmethod
    def create(cls, config: Config, device: torch.device) -> Self:
        """Create a state with random weights on `device`."""
        train = config.train
        synthesizer = training_family(config).create(config).to(device)
        discriminators = DISCRIMINATORS[train.discriminators](config.data).to(device)
        return cls(
            synthesizer=synthesizer,
            discriminators=discriminators,
            synthesizer_optimizer=AdamW(synthesizer.parameters(), train.learning_rate, train.betas, train.eps),
            discriminator_optimizer=AdamW(discriminators.parameters(), train.learning_rate, train.betas, train.eps),
        )

    def update_average(self, decay: float) -> None:
        """Update the moving average of the weights; a `decay` of 0 switches averaging off.

        Early in training, the average covers only about the last tenth of the steps.
        """
        if not decay:
            self.average = None  # so that no outdated average stays in use
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
        """Load the averaged weights, if there are any, into the synthesizer during the `with` block."""
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
        """Set and return the learning rate; after each epoch it is multiplied by `lr_decay`, as in the predecessors."""
        rate = config.train.learning_rate * config.train.lr_decay**self.epoch
        for optimizer in (self.synthesizer_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = rate
        return rate


def checkpoint_number(state: TrainState, config: Config) -> int:
    """Return the number in the file names of a checkpoint of `state`."""
    return state.step if config.train.ckpt_name_by_step else state.epoch_number


def save_checkpoint(state: TrainState, folder: Path, config: Config) -> Path:
    """Write `G_*.pth` and `D_*.pth`, and keep only the newest `keep_ckpts` checkpoints.

    Returns:
        The path of the result: `G_*.pth` or, if the family publishes its weights in another form, the path of that.

    Raises:
        CheckpointError: the files cannot be written; existing checkpoints are unchanged.
    """
    number = checkpoint_number(state, config)
    progress = state.stored()
    rate = config.train.learning_rate
    family = training_family(config)
    weights = family.to_stored(state.synthesizer.state_dict())
    if state.average is not None:
        progress[_TRAINED] = weights
        weights = family.to_stored(state.average)
    generator = Checkpoint(
        weights,
        state.epoch_number,
        rate,
        state.synthesizer_optimizer.state_dict(),
        progress,
    )
    discriminator = Checkpoint(
        discriminator_to_stored(state.discriminators.state_dict()),
        state.epoch_number,
        rate,
        state.discriminator_optimizer.state_dict(),
        {"step": state.step},
    )
    path = folder / f"G_{number}.pth"
    checkpoint.write_together({folder / f"D_{number}.pth": discriminator, path: generator})
    _delete_old(folder, config.train.keep_ckpts, number)
    return path if family.publish is None else family.publish(config, weights, folder)


def load_start(state: TrainState, folder: Path, config: Config, options: TrainOptions) -> str:
    """Load the latest checkpoint in `folder`. If there is none, load base weights unless `from_scratch` is set.

    Returns:
        A phrase that names the origin of the weights.

    Raises:
        AssetError: the base weights are missing.
        CheckpointError: a file is missing or malformed, or does not fit the configuration.
    """
    number = _latest_number(folder)
    if number is not None:
        path = folder / f"G_{number}.pth"
        _resume(state, path, folder / f"D_{number}.pth", training_family(config), options.reset_optimizer)
        return f"continuing from {path}"
    if options.from_scratch:
        return "from random weights"
    base = training_family(config).base
    if base is not None:
        weights, origin = base(config, options.pretrained_dir)
        checkpoint.load_weights(state.synthesizer, weights)
        return origin
    generator, discriminator = _find_base(folder, config, options.pretrained_dir)
    _load_base(state, generator, discriminator)
    return f"from the base weights {generator}"


def _latest_number(folder: Path) -> int | None:
    """Return the highest number above 0 for which both `G_*.pth` and `D_*.pth` exist; None if there is none.

    Raises:
        CheckpointError: there are `G_*.pth`, but no `D_*.pth` with the same number.
    """
    generators = checkpoint.numbered(folder, "G").keys() - {0}
    both = generators & checkpoint.numbered(folder, "D").keys()
    if generators and not both:
        raise CheckpointError(
            f"{folder} has G_{max(generators)}.pth but no D_{max(generators)}.pth; to continue from it, rename it to "
            "G_0.pth and put a D_0.pth beside it"
        )
    return max(both, default=None)


def _resume(
    state: TrainState, generator: Path, discriminator: Path, family: TrainingFamily, reset_optimizer: bool
) -> None:
    of_generator, of_discriminator = checkpoint.read(generator), checkpoint.read(discriminator, "D")
    progress = of_generator.extra
    _check_progress(progress, of_generator.iteration, generator)
    if _TRAINED in progress:
        load_module(state.synthesizer, family.from_stored(of_generator.weights), generator)
        state.average = {name: tensor.clone() for name, tensor in state.synthesizer.state_dict().items()}
    load_module(state.synthesizer, family.from_stored(progress.get(_TRAINED, of_generator.weights)), generator)
    load_module(state.discriminators, discriminator_from_stored(of_discriminator.weights), discriminator)
    if not reset_optimizer:
        load_optimizer(state.synthesizer_optimizer, of_generator.optimizer, generator)
        load_optimizer(state.discriminator_optimizer, of_discriminator.optimizer, discriminator)
        state.scaler = checked_scaler(progress.get("scaler", {}), generator)
    if progress and of_discriminator.extra.get("step") != progress.get("step"):
        _log.warning("%s and %s are checkpoints of different steps", generator, discriminator)
    state.restore({"epoch": of_generator.iteration, **progress})


def _check_progress(progress: dict[str, Any], iteration: int, path: Path) -> None:
    """Check the counters of a checkpoint. If it has averaged weights, check the type of its trained weights too.

    Raises:
        CheckpointError: a value has the wrong type or is out of range.
    """
    wrong = invalid_counters({**progress, "iteration": iteration}, "iteration")
    trained = progress.get(_TRAINED, {})
    if not isinstance(trained, dict) or not all(isinstance(value, Tensor) for value in trained.values()):
        wrong.append(f"{_TRAINED} are not tensors")
    if wrong:
        raise CheckpointError(
            f"{path} is damaged: {', '.join(wrong)}; move it and its D_*.pth away, to continue from the previous one"
        )


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
    """Load the weights of another voice. All shapes must match, except for the number of speakers.

    Speakers without a row in the other voice keep their random weights.
    """
    weights = generator_from_stored(checkpoint.read(generator).weights)
    own = state.synthesizer.state_dict()
    for name in _SPEAKERS:
        if name in weights and name in own and weights[name].shape[1:] == own[name].shape[1:]:
            rows = min(len(weights[name]), len(own[name]))
            weights[name] = torch.cat([weights[name][:rows].to(own[name]), own[name][rows:]])
    source = "decoder.source.mix.weight"  # exists in NSF decoders, but not in inverse-STFT decoders
    if source in weights and source not in own:
        # so-vits-svc-fork starts QuickVC voices in the same way, because no base weights with such decoders are
        # published.
        _log.warning("the decoder starts with random weights: %s has another kind of decoder", generator)
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith("decoder.")}
        weights |= {name: tensor for name, tensor in own.items() if name.startswith("decoder.")}
    load_module(state.synthesizer, weights, generator)
    load_module(
        state.discriminators, discriminator_from_stored(checkpoint.read(discriminator, "D").weights), discriminator
    )


def _delete_old(folder: Path, n_kept: int, newest: int) -> None:
    """Delete all checkpoints with numbers up to `newest`, except the last `n_kept` and the base weights (number 0).

    If `n_kept` is 0, no checkpoint is deleted.
    """
    if not n_kept:
        return
    kinds: tuple[checkpoint.Kind, ...] = ("G", "D")
    for kind in kinds:
        numbers = [number for number in checkpoint.numbered(folder, kind) if 0 < number <= newest]
        for number in numbers[:-n_kept]:
            (folder / f"{kind}_{number}.pth").unlink(missing_ok=True)
