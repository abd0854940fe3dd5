"""Training of a refiner on the clips of a voice: checkpoints and configuration as in so-vits-svc 4.1.

audio ──► mel ──► noise added ──► denoiser ──► error of the predicted noise or velocity
                                     ▲ content, f0, loudness, speaker, key shift
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule
from torch import Tensor, nn
from torch.optim import AdamW

from myna.audio.spectrogram import MelSettings, shifted_mel_spectrogram
from myna.config import Config
from myna.conversion.vocoding import load_vocoder
from myna.errors import AssetError, CheckpointError, ConfigError, MissingExtraError
from myna.features.content import CONTENT_ENCODERS
from myna.models.interface import RefinerSampling
from myna.models.layers.frames import frame_mask
from myna.models.noise import SeededNoise
from myna.models.vocoder import Vocoder
from myna.options import RefinerTrainOptions
from myna.storage import torch_file
from myna.storage.checkpoint import write_content
from myna.training.clip_list import list_clips
from myna.training.dataset import Batch, ClipDataset, Collate, Excerpts
from myna.training.launch import make_fabric, prepare_device
from myna.training.log import Log
from myna.training.loop import Listener, Silent, TrainSummary, alone, run
from myna.training.progress import Progress, checked_scaler, invalid_counters, load_module, load_optimizer
from myna.training.step import StepResult, any_process, gradient_norm, seed_step, unscale_gradients, update_weights
from myna.zoo.diffusion import (
    MODULES,
    TRAINED_CONFIG_NAME,
    Kind,
    RefinerConfig,
    RefinerModule,
    from_stored,
    kind_of,
    numbered_refiners,
    refiner_in,
    to_stored,
)
from myna.zoo.vocoders import VocoderConfig, check_vocoder

MAX_KEY_SHIFT = 5.0  # largest transposition of augmented clips in semitones, as in so-vits-svc 4.1
VALIDATION_CLIPS = 8  # number of clips whose loss is measured at each checkpoint
_REFINED_CLIPS = 4  # number of validation clips that are refined for the log
_REFINED_STEPS = 20  # approximate number of solver steps for the log
_QUIETEST = math.log(1e-5)  # lowest value of a mel spectrogram
_PROGRESS = "myna"  # key of the progress in a checkpoint; so-vits-svc 4.1 ignores it
_COMMAND = "svc train-diff"
_SPEAKERS = "conditioning.speaker_embedding.weight"


def train_refiner(
    voice: Config,
    config: RefinerConfig,
    folder: Path | str,
    options: RefinerTrainOptions | None = None,
    listener: Listener | None = None,
) -> TrainSummary:
    """Train a refiner until its last epoch ends, a limit in `options` is reached, or a signal arrives.

    Signals, locks and resuming are as in `training.train.train`.

    Args:
        voice: configuration of the voice, for which the clips and their features were prepared.
        config: configuration of the refiner.
        folder: folder of `model_*.pt`, `config.yaml` and the log. Training resumes from the latest checkpoint; a
            `model_0.pt` contains base weights.

    Raises:
        BusyError: another process is training in `folder` or preparing the clips.
        MissingExtraError: the refiner is a diffusion, and diffusers is not installed.
        TrainingError: too many consecutive steps were not finite; the last finite weights are saved.
        MynaError: clips, configuration, weights, vocoder or devices are missing or unsuitable.
    """
    options, folder = options or RefinerTrainOptions(), Path(folder)
    check_features(config, voice)
    if config.kind == "diffusion" and importlib.util.find_spec("diffusers") is None:
        raise MissingExtraError("a diffusion model", "diffusion")
    train = training_config(voice, config, options)
    fabric = make_fabric(options.device, options.devices, options.num_nodes, train.train.precision)
    fabric.launch()
    if listener is None or not fabric.is_global_zero:
        listener = Silent()
    vocoder, notes = _vocoder(config, options, str(fabric.device))
    mel = config.mel(VocoderConfig().num_mels) if vocoder is None else vocoder.mel
    excerpts = Excerpts(
        max_frames=round(config.data.duration * mel.sample_rate / mel.hop_length),
        varied_level=True,
        analysis=MelAnalysis(mel),
        max_key_shift=MAX_KEY_SHIFT if config.model.use_pitch_aug else 0.0,
    )
    clips = ClipDataset(list_clips(train.data.training_files, train), train, excerpts)
    held_out = list_clips(train.data.validation_files, train)[:VALIDATION_CLIPS]
    validation = ClipDataset(held_out, train, excerpts)
    with alone(fabric, folder, [*clips.clips, *validation.clips], train):
        check_same_refiner(config, folder)
        prepare_device(fabric, train.train.seed)
        state = RefinerState.create(config, mel.n_mels, fabric.device)
        with fabric.rank_zero_first():
            origin, remarks = load_start(state, folder, reset_optimizer=options.reset_optimizer)
        refiner = RefinerTrainee(fabric, train, config, state, fabric.setup_module(state.refiner), vocoder, folder)
        return run(refiner, folder, options, listener, clips, validation, origin=origin, notes=[*notes, *remarks])


@dataclass(frozen=True)
class MelAnalysis:
    """Log-mel spectrogram with the settings of a vocoder."""

    settings: MelSettings

    @property
    def window(self) -> int:
        return max(self.settings.n_fft, self.settings.win_length)

    def __call__(self, audio: Tensor, key_shift: float) -> Tensor:
        return shifted_mel_spectrogram(audio[None], self.settings, key_shift)[0]


@dataclass(kw_only=True)
class RefinerState(Progress):
    """Refiner, optimizer and progress of its training."""

    kind: Kind
    refiner: RefinerModule
    optimizer: AdamW

    @classmethod
    def create(cls, config: RefinerConfig, n_mels: int, device: torch.device) -> Self:
        """Create a state with random weights on `device`."""
        refiner = MODULES[config.kind](config.sizes(n_mels)).to(device)
        optimizer = AdamW(refiner.parameters(), config.train.lr, weight_decay=config.train.weight_decay)
        return cls(kind=config.kind, refiner=refiner, optimizer=optimizer)


@dataclass(frozen=True)
class RefinerTrainee:
    """A refiner, as the training loop sees it."""

    fabric: Fabric
    config: Config
    refiner_config: RefinerConfig
    state: RefinerState
    wrapped: _FabricModule  # the refiner, for mixed precision and several processes
    vocoder: Vocoder | None  # for the audio in the log
    folder: Path

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {"refiner": self.state.refiner}

    @property
    def collate(self) -> Collate:
        return Collate(1, silence=_QUIETEST)

    def try_batch(self, batch: Batch) -> None:
        self.fabric.backward(self.loss(batch, SeededNoise()))

    def loss(self, batch: Batch, noise: SeededNoise) -> Tensor:
        """Return the loss of the denoiser on a batch, a number; see `GaussianDiffusion.forward`."""
        batch = batch.to(self.fabric.device)
        mel, key_shift = batch.input.spectrogram, batch.key_shift if self.refiner_config.model.use_pitch_aug else None
        mask = frame_mask(batch.input.lengths, mel.shape[2]).to(mel)
        loss: Tensor = self.wrapped(batch.input.conditions, mel, mask, noise, key_shift)
        return loss

    def set_learning_rate(self) -> float:
        """Set and return the learning rate; after each `decay_step` steps it is multiplied by `gamma`, as in 4.1."""
        train = self.refiner_config.train
        rate = train.lr * train.gamma ** (self.state.step // train.decay_step)
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def update(self, batches: Sequence[Batch]) -> StepResult:
        seed_step(self.config.train.seed, self.state.step, self.fabric.global_rank)
        optimizer = self.state.optimizer
        optimizer.zero_grad(set_to_none=True)
        losses = []
        for index, batch in enumerate(batches):
            with self.fabric.no_backward_sync(self.wrapped, enabled=index < len(batches) - 1):
                loss = self.loss(batch, SeededNoise())
                self.fabric.backward(loss / len(batches))
            losses.append(loss.detach())
        unscale_gradients(self.fabric, [optimizer])
        value = float(torch.stack(losses).mean())
        norm = float(gradient_norm(self.state.refiner))
        bad = any_process(self.fabric, not (math.isfinite(value) and math.isfinite(norm)))
        skipped = update_weights(self.fabric, self.state, [optimizer], bad=bad, losses_finite=math.isfinite(value))
        return StepResult({"denoiser": value}, {"refiner": norm}, skipped, None)

    @torch.no_grad()
    def validate(self, clips: ClipDataset, log: Log) -> None:
        """Log the mean loss of the validation clips, and refined mel spectrograms of the first ones.

        The refinement starts from noise alone. A refiner that was not trained for this starts from the recording's mel
        spectrogram with noise up to `k_step_max`.
        """
        state, seed, losses, distances = self.state, self.config.train.seed, [], []
        state.refiner.eval()
        for index in range(len(clips)):
            batch = self.collate([clips.excerpt(index, 0, clips.excerpts.max_frames)]).to(self.fabric.device)
            losses.append(float(self.loss(batch, SeededNoise.of(seed + index))))
            if index < _REFINED_CLIPS:
                distances.append(self._log_refined(batch, f"validation_{index}", log))
        state.refiner.train()
        if losses:
            values = {"loss": float(np.mean(losses)), "mel": float(np.mean(distances))}
            log.numbers({f"validation/{name}": value for name, value in values.items()}, state.step)

    def _log_refined(self, batch: Batch, name: str, log: Log) -> float:
        """Log a clip and its refinement; return the mean difference of their mel spectrograms (natural logarithm)."""
        sizes, mel, seed = self.state.refiner.sizes, batch.input.spectrogram, self.config.train.seed
        sampling = RefinerSampling(
            SeededNoise.of(seed),
            sizes.max_k_step,
            max(sizes.max_k_step // _REFINED_STEPS, 1),
            self.refiner_config.method(self.state.kind),
        )
        start = mel if sizes.max_k_step < sizes.n_levels else None
        with self.fabric.autocast():
            refined = self.state.refiner.refine(batch.input.conditions, start, sampling).float()
        for of_what, one in (("recording", mel), ("refined", refined)):
            log.mel(f"{name}/{of_what}_mel", one[0], self.state.step)
            if self.vocoder is not None:
                audio = self.vocoder.synthesize(one, batch.input.conditions.f0, SeededNoise.of(seed)).audio
                log.sound(f"{name}/{of_what}", audio[0], self.state.step)
        return float((refined - mel).abs().mean())

    def describe(self) -> None:
        self.refiner_config.write(self.folder / TRAINED_CONFIG_NAME)

    def save(self) -> Path:
        state, train = self.state, self.refiner_config.train
        path = self.folder / f"model_{state.step}.pt"
        content: dict[str, Any] = {
            "global_step": state.step,
            "model": to_stored(state.refiner.state_dict(), state.kind, state.refiner.sizes),
            _PROGRESS: state.stored(),
        }
        if train.save_opt:
            content["optimizer"] = state.optimizer.state_dict()
        write_content(path, content)
        for number, old in numbered_refiners(self.folder).items():
            if number < state.step and number % train.interval_force_save:
                old.unlink(missing_ok=True)
        return path


def training_config(voice: Config, config: RefinerConfig, options: RefinerTrainOptions) -> Config:
    """Return the configuration of the loop and the clips: the voice's data, and the settings of the refiner's training.

    Options of this run override values.
    """
    train = config.train
    return voice.with_values(
        train={
            "epochs": options.epochs or train.epochs,
            "batch_size": options.batch_size or train.batch_size,
            "log_interval": train.interval_log,
            "eval_interval": train.interval_val,
            "num_workers": train.num_workers,
            "fp16_run": train.amp_dtype == "fp16",
            "half_type": "fp16",
            "bf16_run": train.amp_dtype == "bf16",
            "accumulate_grad_batches": 1,
        },
        data={
            "training_files": config.data.training_files or voice.data.training_files,
            "validation_files": config.data.validation_files or voice.data.validation_files,
        },
    )


def check_features(config: RefinerConfig, voice: Config) -> None:
    """Check that the clips and features of a voice are those that a refiner's configuration describes.

    Raises:
        ConfigError: the sample rate, the hop length, the content or the speakers differ.
    """
    data, advice = config.data, f"svc pre-config --refiner {config.kind} corrects it"
    encoder, other = data.content_encoder, voice.content_encoder
    pairs: list[tuple[str, Any, Any]] = [
        ("data.sampling_rate", data.sampling_rate, voice.data.sample_rate),
        ("data.block_size", data.block_size, voice.data.hop_length),
        ("data.encoder_out_channels", data.encoder_out_channels, voice.model.content_channels),
    ]
    if CONTENT_ENCODERS.get(encoder, encoder) != CONTENT_ENCODERS.get(other, other):
        pairs.append(("data.encoder", encoder, other))
    for name, own, prepared in pairs:
        if own != prepared:
            raise ConfigError(f"{name} is {own}, but the clips were prepared for {prepared}; {advice}")
    for speaker, row in voice.speakers.items():
        if config.spk.get(speaker) != row or row >= config.model.n_spk:
            raise ConfigError(
                f"the voice has {speaker} as speaker {row}, which does not fit spk and model.n_spk; {advice}"
            )


def check_same_refiner(config: RefinerConfig, folder: Path) -> None:
    """Check that the refiner in `folder` can be trained further with `config`.

    Raises:
        ConfigError: the folder contains a refiner of other speakers or of another content encoder.
    """
    if not (numbered_refiners(folder).keys() - {0}) or not (folder / TRAINED_CONFIG_NAME).is_file():
        return
    trained = RefinerConfig.read(folder / TRAINED_CONFIG_NAME)
    moved = [name for name, row in trained.spk.items() if config.spk.get(name, row) != row]
    if moved or trained.data.content_encoder != config.data.content_encoder:
        what = f"another number for {', '.join(moved)}" if moved else f"the encoder {trained.data.encoder}"
        raise ConfigError(f"{folder} was trained with {what}: train in another folder with -m")


def load_start(state: RefinerState, folder: Path, *, reset_optimizer: bool) -> tuple[str, list[str]]:
    """Load the latest `model_*.pt` in `folder`, if there is one.

    Returns:
        A phrase that names the origin of the weights, and lines for the user.

    Raises:
        CheckpointError: the file is malformed, or does not fit the configuration.
    """
    found = numbered_refiners(folder)
    if not found:
        return "from random weights", []
    number = max(found)
    path, content = found[number], torch_file.read(found[number])
    weights = refiner_in(content)
    if weights is None or kind_of(weights) != state.kind:
        raise CheckpointError(
            f"{path} is not a {state.kind.replace('-', ' ')}: train in another folder with -m, or change model.type"
        )
    named = from_stored(weights, state.kind, state.refiner.sizes)
    if number == 0:
        load_module(state.refiner, _with_own_speakers(named, state.refiner), path)
        return f"from the base weights {path}", []
    load_module(state.refiner, named, path)
    progress = content.get(_PROGRESS, {}) if isinstance(content, dict) else {}
    progress = progress if isinstance(progress, dict) else {"step": None}
    stored = {"step": content.get("global_step", number), **progress}
    if wrong := invalid_counters(stored):
        raise CheckpointError(f"{path} is damaged: {', '.join(wrong)}; move it away, to continue from the previous one")
    state.restore(stored)
    if reset_optimizer:
        return f"continuing from {path}", []
    load_optimizer(state.optimizer, content.get("optimizer"), path, _COMMAND)
    state.scaler = checked_scaler(progress.get("scaler", {}), path, _COMMAND)
    without = f"{path} has no state of the optimizer (train.save_opt): the optimizer starts again"
    return f"continuing from {path}", [] if content.get("optimizer") else [without]


def _with_own_speakers(weights: dict[str, Tensor], refiner: nn.Module) -> dict[str, Tensor]:
    """Replace the speaker embedding of base weights by the refiner's own, if the numbers of speakers differ."""
    own = refiner.state_dict().get(_SPEAKERS)
    given = weights.get(_SPEAKERS)
    if (None if own is None else own.shape) == (None if given is None else given.shape):
        return weights
    others = {name: one for name, one in weights.items() if name != _SPEAKERS}
    return others if own is None else {**others, _SPEAKERS: own}


def _vocoder(config: RefinerConfig, options: RefinerTrainOptions, device: str) -> tuple[Vocoder | None, list[str]]:
    """Load the vocoder for the log; return None and a note for the user if there is none that fits.

    Raises:
        CheckpointError, ConfigError: the vocoder that the options or the configuration name cannot be used, or has
            other mel spectrograms than the refiner.
    """
    named = config.vocoder.ckpt
    chosen = options.vocoder or (Path(named) if named and Path(named).exists() else None)
    try:
        vocoder = load_vocoder(chosen, device)
        check_vocoder(vocoder.mel, config.mel(vocoder.mel.n_mels), "the refiner")
    except (AssetError, ConfigError) as error:
        if chosen is not None:
            raise
        return None, [f"the log has pictures, but no audio: {error}"]
    return vocoder, []
