"""Training of a vocoder with the loop, the clips and the features of a voice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from myna.assets import find_vocoder_file
from myna.audio.spectrogram import VOCODER_POWER_FLOOR
from myna.config import Config
from myna.errors import ConfigError
from myna.zoo.vocoders import (
    VocoderConfig,
    find_vocoder,
    open_vocoder,
    vocoder_from_stored,
    vocoder_to_stored,
    write_vocoder,
)

_NETWORK = "vocoder."  # prefix of the tensors in a `TrainableVocoder`
# Length of the segments, as in the fine-tuning of SingingVocoders, and learning rates with and without base weights.
_SEGMENT_FRAMES = 32
_FINE_TUNING_RATE, _LEARNING_RATE = 1e-5, 1e-4
_TRAIN: Mapping[str, Any] = {
    "log_interval": 100,
    "eval_interval": 500,
    "batch_size": 8,
    "keep_ckpts": 3,
    "ckpt_name_by_step": True,
    "vol_aug": True,
}


def training_config(voice: Config, base: VocoderConfig, *, from_scratch: bool) -> Config:
    """Return the configuration of a training, in the form of a voice's `config.json`.

    Args:
        voice: configuration of the voice for which the clips were prepared.
        base: sizes of the vocoder, and its mel spectrograms.
        from_scratch: whether training starts with random weights, and thus with a higher learning rate.

    Raises:
        ConfigError: the clips have another sample rate, or their features another hop length, than the vocoder.
    """
    for name, own, prepared, unit in (
        ("sample rate", base.sampling_rate, voice.data.sample_rate, "Hz"),
        ("hop length", base.hop_size, voice.data.hop_length, "samples"),
    ):
        if own != prepared:
            raise ConfigError(
                f"the vocoder's {name} is {own} {unit}, but the clips were prepared for {prepared} {unit}: prepare "
                f"clips with a configuration of {base.sampling_rate} Hz and {base.hop_size} samples per frame"
            )
    return voice.with_values(
        train={
            **_TRAIN,
            "seed": voice.train.seed,
            "num_workers": voice.train.num_workers,
            "learning_rate": _LEARNING_RATE if from_scratch else _FINE_TUNING_RATE,
            "segment_size": _SEGMENT_FRAMES * base.hop_size,
            # Settings of other kinds of voices have no effect on a vocoder.
            "base_weights": None,
            "discriminators": "waveform",
            "adversarial_start": 0,
            "judged_share": 1.0,
            "average_decay": 0.0,
            "max_gradient": None,
            "c_mel": 45.0,
        },
        data={
            "filter_length": base.n_fft,
            "win_length": base.win_size,
            "n_mel_channels": base.num_mels,
            "mel_fmin": base.fmin,
            "mel_fmax": base.fmax,
            "power_floor": VOCODER_POWER_FLOOR,
        },
        model={
            "synthesizer": "vocoder",
            "upsample_rates": list(base.upsample_rates),
            "upsample_kernel_sizes": list(base.upsample_kernel_sizes),
            "upsample_initial_channel": base.upsample_initial_channel,
            "resblock": base.resblock,
            "resblock_kernel_sizes": list(base.resblock_kernel_sizes),
            "resblock_dilation_sizes": [list(one) for one in base.resblock_dilation_sizes],
            "mini_nsf": base.mini_nsf,
            "noise_sigma": base.noise_sigma,
        },
    )


def to_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of a `TrainableVocoder` to the names in vocoder files."""
    return vocoder_to_stored({name.removeprefix(_NETWORK): one for name, one in weights.items()})


def from_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a vocoder file to the names of a `TrainableVocoder`; unknown names get the prefix too."""
    return {f"{_NETWORK}{name}": one for name, one in vocoder_from_stored(weights).items()}


def base_weights(config: Config, path: Path | None) -> tuple[dict[str, Tensor], str]:
    """Return the weights of a vocoder that training starts from, and a phrase that names their origin.

    Args:
        path: file or folder of the vocoder; None searches the places of `assets.find_vocoder_file`.

    Raises:
        AssetError: there is no vocoder in these places.
        CheckpointError: the file is not a vocoder.
        ConfigError: the vocoder has other sizes or other mel spectrograms than the configuration.
    """
    opened = open_vocoder(find_vocoder(path) if path is not None else find_vocoder_file())
    wanted = VocoderConfig.of_training(config)
    if (opened.config.sizes, opened.config.mel) != (wanted.sizes, wanted.mel):
        raise ConfigError(
            f"{opened.path} has other sizes or other mel spectrograms than the configuration of the training: train in "
            "another folder with -m"
        )
    return from_stored(opened.weights), f"from the vocoder {opened.path}"


def publish(config: Config, weights: Mapping[str, Tensor], folder: Path) -> Path:
    """Write the vocoder in the form that other tools open: `generator`, and a `config.json` beside it.

    Args:
        weights: tensors under their names in files.

    Returns:
        The path of the weights.

    Raises:
        CheckpointError: the files cannot be written.
    """
    return write_vocoder(folder, weights, VocoderConfig.of_training(config))
