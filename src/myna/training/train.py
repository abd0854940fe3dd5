"""Training of a voice, from the clips to the last checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional as F

from myna.audio.spectrogram import MelSettings, mel_spectrogram, spectrogram_to_mel
from myna.config import Config
from myna.models.noise import SeededNoise
from myna.options import TrainOptions, overrides
from myna.training.clip_list import list_clips
from myna.training.dataset import Batch, ClipDataset, Collate
from myna.training.families import segment_frames, training_family
from myna.training.launch import make_fabric, prepare_device
from myna.training.log import Log
from myna.training.loop import Listener, Silent, TrainSummary, alone, run
from myna.training.state import TrainState, checkpoint_number, load_start, save_checkpoint
from myna.training.step import Engine, StepResult, add_gradients, train_step
from myna.training.trained import check_same_voice, with_trained_speakers

VALIDATION_CLIPS = 8  # number of clips that are converted at each checkpoint


def train(
    config: Config, folder: Path | str, options: TrainOptions | None = None, listener: Listener | None = None
) -> TrainSummary:
    """Train a voice until its last epoch ends, a limit in `options` is reached, or a signal arrives.

    On Ctrl-C, SIGTERM or SIGHUP, a checkpoint is saved and training ends. During training, no other process can train
    in `folder` or change the clips.

    Args:
        folder: folder of `G_*.pth`, `D_*.pth`, `config.json` and the log; training resumes from its latest checkpoint.

    Raises:
        BusyError: another process is training in `folder` or preparing the clips.
        TrainingError: too many consecutive steps were not finite; the last finite weights are saved.
        MynaError: clips, configuration, weights or devices are missing or unsuitable.
    """
    config.refuse_unknown_keys()
    training_family(config)
    options, folder = options or TrainOptions(), Path(folder)
    given, config = config, with_options(config, options)
    fabric = make_fabric(options.device, options.devices, options.num_nodes, config.train.precision)
    fabric.launch()
    if listener is None or not fabric.is_global_zero:
        listener = Silent()
    clips = ClipDataset(list_clips(config.data.training_files, config), config)
    validation = ClipDataset(list_clips(config.data.validation_files, config)[:VALIDATION_CLIPS], config)
    with alone(fabric, folder, [*clips.clips, *validation.clips], config):
        rows = {clip.speaker for clip in clips.clips}
        note = check_same_voice(config, folder, rows)
        prepare_device(fabric, config.train.seed)
        state = TrainState.create(config, fabric.device)
        with fabric.rank_zero_first():
            origin = load_start(state, folder, config, options)
        training_family(config).prepare(state.synthesizer, clips.clips)
        voice = VoiceTrainee(Engine.of(fabric, config, state), state, given, folder, frozenset(rows))
        notes = [] if note is None else [note]
        return run(voice, folder, options, listener, clips, validation, origin=origin, notes=notes)


@dataclass(frozen=True)
class VoiceTrainee:
    """A voice, as the training loop sees it."""

    engine: Engine
    state: TrainState
    given: Config  # configuration before the options of this run
    folder: Path
    speakers: frozenset[int]  # indices of the speakers with clips

    @property
    def fabric(self) -> Fabric:
        return self.engine.fabric

    @property
    def config(self) -> Config:
        return self.engine.config

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {"synthesizer": self.state.synthesizer, "discriminator": self.state.discriminators}

    @property
    def collate(self) -> Collate:
        return Collate(segment_frames(self.config))

    def try_batch(self, batch: Batch) -> None:
        # Steps with discriminators take the most memory.
        adversarial = replace(self.state, step=max(self.state.step, self.config.train.adversarial_start))
        add_gradients(self.engine, adversarial, batch, 1.0, SeededNoise(), is_last=False)

    def set_learning_rate(self) -> float:
        return self.state.set_learning_rate(self.config)

    def update(self, batches: Sequence[Batch]) -> StepResult:
        return train_step(self.engine, self.state, batches)

    def validate(self, clips: ClipDataset, log: Log) -> None:
        with self.state.averaged():
            validate(self.engine, self.state, clips, log)

    def describe(self) -> None:
        with_trained_speakers(self.given, self.folder, self.speakers).write(self.folder / "config.json")

    def save(self) -> Path:
        return save_checkpoint(self.state, self.folder, self.config)


def with_options(config: Config, options: TrainOptions) -> Config:
    """Return a copy of the configuration in which the options of this run override values."""
    return config.with_values(**overrides(options))


def validate(engine: Engine, state: TrainState, clips: ClipDataset, log: Log) -> None:
    """Reconstruct the validation clips, and log the results together with the recordings."""
    settings, distances = MelSettings.of(engine.config.data), []
    state.synthesizer.eval()
    for index in range(len(clips)):
        batch = Collate(1)([clips.beginning(index)]).to(engine.fabric.device)
        noise = SeededNoise.of(engine.config.train.seed)
        with engine.fabric.autocast():
            generated = state.synthesizer.reconstruct(batch.input, noise)
        recording_mel = spectrogram_to_mel(batch.input.spectrogram, settings)[0]
        generated_mel = mel_spectrogram(generated.squeeze(1), settings)[0]
        distances.append(float(F.l1_loss(generated_mel, recording_mel)))
        for name, mel, audio in (("sung", generated_mel, generated), ("recording", recording_mel, batch.audio)):
            log.mel(f"validation_{index}/{name}_mel", mel, state.step)
            log.sound(f"validation_{index}/{name}", audio[0], state.step)
    state.synthesizer.train()
    if distances:
        distance = float(np.mean(distances))
        log.numbers({"validation/mel": distance, "checkpoint": checkpoint_number(state, engine.config)}, state.step)
