"""Vocoder files: NSF-HiFiGAN and PC-NSF-HiFiGAN, as so-vits-svc 4.1, DDSP-SVC, DiffSinger and SingingVocoders use them.

A file contains the tensors under the key `generator`, and a `config.json` beside it has the sizes of the network and
the parameters of its mel spectrograms. A training checkpoint of SingingVocoders has the same tensors with a prefix.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator, model_validator
from torch import Tensor

from myna.audio.spectrogram import VOCODER_POWER_FLOOR, MelSettings
from myna.config import Config
from myna.errors import CheckpointError, ConfigError, reason_of
from myna.models.sizes import UpsamplingSizes, VocoderSizes
from myna.models.vocoder import Vocoder
from myna.storage import torch_file
from myna.storage.atomic import write_text
from myna.storage.checkpoint import load_weights, write_content
from myna.storage.json_file import JsonError, read_json
from myna.zoo.building import NoLargerThan
from myna.zoo.names import NEW_SPELLING, OLD_SPELLING, NameTable

Kind = Literal["nsf-hifigan", "pc-nsf-hifigan"]
TITLES: Mapping[Kind, str] = {"nsf-hifigan": "NSF-HiFiGAN", "pc-nsf-hifigan": "PC-NSF-HiFiGAN"}
GENERATOR = "generator"  # key of the tensors in a file
CONFIG = "config.json"

_TABLE = NameTable(
    plain={
        "decoder.source.mix": "m_source.l_linear",
        "decoder.source_convs": "noise_convs",
        "decoder.source_conv": "source_conv",
    },
    normalized={
        "decoder.backbone.input_conv": "conv_pre",
        "decoder.backbone.upsamples.{}": "ups.{}",
        "decoder.backbone.residual_blocks.{}.dilated_convs.{}": "resblocks.{}.convs1.{}",
        "decoder.backbone.residual_blocks.{}.plain_convs.{}": "resblocks.{}.convs2.{}",
        "decoder.backbone.residual_blocks.{}.convs.{}": "resblocks.{}.convs.{}",
        "decoder.output_conv": "conv_post",
    },
)
# Files of vocoders in a folder, by preference; the first is so-vits-svc 4.1's name, the second DiffSinger's. The last
# ones are for the folders `pretrain` and those of `svc train-vocoder`.
_NAMES = ("model", "model.ckpt", "model.pt", "model.pth", "nsf_hifigan/model", "nsf_hifigan/model.ckpt")
PUBLISHED = Path("nsf_hifigan") / "model"  # path of a vocoder in the folder of its training or of an unpacked voice
_TRAINING_KEY, _TRAINING_PREFIX = "state_dict", "generator."
_SHOWN_PROBLEMS = 4
_OF_THE_ANALYSIS = ("sampling_rate", "n_fft", "win_size", "fmin", "fmax")  # keys that no shape determines


class VocoderConfig(BaseModel):
    """Content of a vocoder's `config.json`, with the field's key names.

    The defaults are those of the community's vocoders. Unknown keys are kept.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    sampling_rate: int = Field(44100, ge=8000, le=192_000)  # Hz
    num_mels: PositiveInt = 128
    n_fft: PositiveInt = 2048
    win_size: PositiveInt = 2048
    hop_size: PositiveInt = 512
    fmin: float = Field(40.0, ge=0)  # Hz
    fmax: float | None = Field(16000.0, gt=0)  # Hz; None means half the sample rate
    upsample_rates: tuple[PositiveInt, ...] = (8, 8, 2, 2, 2)  # their product is `hop_size`
    upsample_kernel_sizes: tuple[PositiveInt, ...] = (16, 16, 4, 4, 4)
    upsample_initial_channel: PositiveInt = 512
    resblock: Literal["1", "2"] = "1"
    resblock_kernel_sizes: tuple[PositiveInt, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[PositiveInt, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    # Keys of SingingVocoders. `pc_aug` records that the vocoder was trained with transposed mel spectrograms.
    mini_nsf: bool = False
    noise_sigma: float = Field(0.0, ge=0)
    pc_aug: bool = False

    @field_validator("resblock", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("noise_sigma", "mini_nsf", "pc_aug", mode="before")
    @classmethod
    def _none_is_off(cls, value: Any) -> Any:
        return 0 if value is None else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Check that the values fit each other."""
        if not self.upsample_rates or len(self.upsample_kernel_sizes) != len(self.upsample_rates):
            raise ValueError("upsample_kernel_sizes must have a value for each of upsample_rates")
        if not self.resblock_kernel_sizes or len(self.resblock_dilation_sizes) != len(self.resblock_kernel_sizes):
            raise ValueError("resblock_dilation_sizes must have as many items as resblock_kernel_sizes")
        if self.upsample_initial_channel < 2 ** len(self.upsample_rates):
            raise ValueError(f"upsample_initial_channel must be at least {2 ** len(self.upsample_rates)}")
        for size, rate in zip(self.upsample_kernel_sizes, self.upsample_rates, strict=True):
            if size < rate or (size - rate) % 2:
                raise ValueError(f"upsample_rates has {rate}, which does not fit a kernel of {size} samples")
        strides = [math.prod(self.upsample_rates[step:]) for step in range(1, len(self.upsample_rates))]
        if any(stride > 1 and stride % 2 for stride in strides) and not self.mini_nsf:
            raise ValueError(f"upsample_rates {list(self.upsample_rates)}: the product of the last ones must be even")
        if math.prod(self.upsample_rates) != self.hop_size:
            raise ValueError(
                f"hop_size is {self.hop_size}, but the product of upsample_rates is {math.prod(self.upsample_rates)}"
            )
        if not self.fmin < (self.fmax or self.sampling_rate / 2) <= self.sampling_rate / 2:
            raise ValueError(f"fmin and fmax must be between 0 and half the sampling_rate: {self.fmin} to {self.fmax}")
        if self.mini_nsf and len(self.upsample_rates) < 2:
            raise ValueError("mini_nsf needs at least two upsample_rates")
        return self

    @classmethod
    def of_training(cls, config: Config) -> Self:
        """Return the values in the configuration of a training of `svc train-vocoder`."""
        model, data = config.model, config.data
        return cls(
            sampling_rate=data.sample_rate,
            num_mels=data.n_mels,
            n_fft=data.n_fft,
            win_size=data.win_length,
            hop_size=data.hop_length,
            fmin=data.mel_fmin,
            fmax=data.mel_fmax,
            upsample_rates=model.upsample_rates,
            upsample_kernel_sizes=model.upsample_kernel_sizes,
            upsample_initial_channel=model.upsample_initial_channels,
            resblock=model.resblock,
            resblock_kernel_sizes=model.resblock_kernel_sizes,
            resblock_dilation_sizes=model.resblock_dilation_sizes,
            mini_nsf=model.mini_nsf,
            noise_sigma=model.noise_sigma,
        )

    @property
    def sizes(self) -> VocoderSizes:
        """Sizes of the network."""
        upsampling = UpsamplingSizes(
            in_channels=self.num_mels,
            initial_channels=self.upsample_initial_channel,
            rates=self.upsample_rates,
            kernel_sizes=self.upsample_kernel_sizes,
            resblock=self.resblock,
            resblock_kernel_sizes=self.resblock_kernel_sizes,
            resblock_dilations=self.resblock_dilation_sizes,
        )
        return VocoderSizes(upsampling=upsampling, mini_nsf=self.mini_nsf, noise_sigma=self.noise_sigma)

    @property
    def mel(self) -> MelSettings:
        """Parameters of the mel spectrograms."""
        return MelSettings(
            sample_rate=self.sampling_rate,
            n_fft=self.n_fft,
            hop_length=self.hop_size,
            win_length=self.win_size,
            n_mels=self.num_mels,
            mel_fmin=self.fmin,
            mel_fmax=self.fmax,
            power_floor=VOCODER_POWER_FLOOR,
        )

    def text(self) -> str:
        """Return the configuration as JSON, as stored in a `config.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"


@dataclass(frozen=True)
class OpenedVocoder:
    """Content of a vocoder file and the configuration that fits it."""

    path: Path
    kind: Kind
    weights: dict[str, Tensor]  # by their names in the file
    config: VocoderConfig
    remarks: list[str] = field(default_factory=list)  # assumptions for values that neither file has

    @property
    def title(self) -> str:
        """Display name of the vocoder's family."""
        return TITLES[self.kind]

    def build(self, device: str = "cpu") -> Vocoder:
        """Build the vocoder, ready to synthesize on `device`.

        Raises:
            CheckpointError: tensors are missing, unknown, or of a wrong shape.
        """
        vocoder = self.build_module().eval()
        vocoder.fuse()
        return vocoder.to(device)

    def build_module(self) -> Vocoder:
        """Build the vocoder for training, with weight norms; raise the same errors as `build`."""
        try:
            with NoLargerThan(self.weights):
                vocoder = Vocoder(self.config.sizes, self.config.mel)
            load_weights(vocoder, vocoder_from_stored(self.weights))
        except CheckpointError as error:
            raise CheckpointError(f"{self.path}: {error}") from error
        return vocoder


def open_vocoder(path: Path) -> OpenedVocoder:
    """Open a vocoder.

    Args:
        path: file of the weights, or a folder with one vocoder.

    Raises:
        CheckpointError: there is no such file, it cannot be read, or it is not a vocoder that can be used.
        ConfigError: the `config.json` beside it is malformed, or does not fit the weights.
    """
    path = find_vocoder(path)
    weights = vocoder_in(torch_file.read(path))
    kind = kind_of(weights) if weights is not None else None
    if weights is None or kind is None:
        raise CheckpointError(f"{path} is not a vocoder (NSF-HiFiGAN); 'svc inspect {path}' shows what it is")
    derived = _derived(path, weights, kind)
    beside = path.with_name(CONFIG)
    given = _read_config(beside) if beside.is_file() else {}
    config, remarks = _merge(derived, given, beside)
    return OpenedVocoder(path, kind, weights, config, remarks)


def opened_part(path: Path, weights: dict[str, Tensor], config: Mapping[str, Any]) -> OpenedVocoder:
    """Open the vocoder in the packed voice `path`, given its tensors and its configuration.

    Raises:
        CheckpointError: the tensors are not those of a vocoder.
        ConfigError: the configuration does not fit the tensors.
    """
    kind = kind_of(weights)
    if kind is None:
        raise CheckpointError(f"{path} is damaged: its vocoder is incomplete; get the file again")
    merged, remarks = _merge(_derived(path, weights, kind), config, path)
    return OpenedVocoder(path, kind, weights, merged, remarks)


def write_vocoder(folder: Path, weights: Mapping[str, Tensor], config: VocoderConfig) -> Path:
    """Write a vocoder as `nsf_hifigan/model` with its `config.json`, the form that other tools open.

    Args:
        weights: tensors under their names in files; they are stored in single precision.

    Returns:
        The path of the weights.

    Raises:
        CheckpointError: the files cannot be written.
    """
    path = folder / PUBLISHED
    path.parent.mkdir(parents=True, exist_ok=True)
    write_content(path, {GENERATOR: {name: one.detach().cpu().float() for name, one in weights.items()}})
    write_text(path.with_name(CONFIG), config.text())
    return path


def is_vocoder(path: Path) -> bool:
    """Return True if a file contains the tensors of a vocoder that can be used."""
    try:
        weights = vocoder_in(torch_file.read(path))
    except CheckpointError:
        return False
    return weights is not None and kind_of(weights) is not None


def find_vocoder(path: Path) -> Path:
    """Return the file of a vocoder: `path` itself, or the vocoder in the folder `path`.

    Raises:
        CheckpointError: there is no such file, or the folder has no vocoder or several.
    """
    if path.is_dir():
        named = [path / name for name in _NAMES if (path / name).is_file()]
        found = named[:1] or sorted(one for one in path.iterdir() if one.suffix in (".ckpt", ".pt", ".pth"))
        if len(found) != 1:
            how_many = f"{len(found)} files that may be vocoders" if found else "no vocoder"
            raise CheckpointError(f"{path} has {how_many}; name the file, usually 'model' or 'model.ckpt'")
        return found[0]
    if not path.is_file():
        raise CheckpointError(f"there is no {path}; name a vocoder, a file beside its config.json")
    return path


def vocoder_in(content: Any) -> dict[str, Tensor] | None:
    """Find the tensors of a vocoder in the content of a file; return None if there are none."""
    if not isinstance(content, dict):
        return None
    found: Any = content.get(GENERATOR, content.get("model", content))  # "model" in checkpoints of svc train-vocoder
    training = content.get(_TRAINING_KEY)
    if isinstance(training, dict):
        found = {
            name.removeprefix(_TRAINING_PREFIX): one
            for name, one in training.items()
            if isinstance(name, str) and name.startswith(_TRAINING_PREFIX)
        }
    if not isinstance(found, dict) or not found:
        return None
    if not all(isinstance(name, str) and isinstance(one, Tensor) and one.numel() for name, one in found.items()):
        return None
    return {name.removeprefix("module."): one for name, one in found.items()}


def kind_of(weights: Mapping[str, Any]) -> Kind | None:
    """Determine the kind of a vocoder from its tensor names; return None for other networks."""
    if not any(name.startswith("conv_pre.") for name in weights) or "ups.0.bias" not in weights:
        return None
    if "m_source.l_linear.weight" in weights:
        return "nsf-hifigan"
    return "pc-nsf-hifigan" if "source_conv.weight" in weights else None


def vocoder_to_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of a `Vocoder` to the names in files."""
    return _TABLE.to_stored(weights)


def vocoder_from_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a file, with or without weight norms, to the names of a `Vocoder`; keep unknown names."""
    return _TABLE.from_stored(weights)


def derive(weights: Mapping[str, Tensor], kind: Kind) -> dict[str, Any]:
    """Return the values of a `VocoderConfig` that follow from the shapes of the tensors.

    The first upsampling rate, and for PC-NSF-HiFiGAN all rates, are half the kernel sizes, as in every published
    vocoder. The other rates follow from the strided convolutions of the excitation.

    Raises:
        KeyError: a tensor is missing.
    """
    first = _shape(weights, "conv_pre")
    n_steps = _count(weights, "ups.{}.bias")
    kernel_sizes = [_shape(weights, f"ups.{step}")[2] for step in range(n_steps)]
    rates = [size // 2 for size in kernel_sizes]
    if kind == "nsf-hifigan":
        strides = [max(_shape(weights, f"noise_convs.{step}")[2] // 2, 1) for step in range(n_steps)]
        rates[1:] = [before // after for before, after in pairwise(strides)]
    paired = "resblocks.0.convs1.0.bias" in weights
    convs = "convs1" if paired else "convs"
    n_kernels = _count(weights, "resblocks.{}." + convs + ".0.bias") // n_steps
    return {
        "num_mels": first[1],
        "upsample_initial_channel": first[0],
        "upsample_kernel_sizes": tuple(kernel_sizes),
        "upsample_rates": tuple(rates),
        "hop_size": math.prod(rates),
        "resblock": "1" if paired else "2",
        "resblock_kernel_sizes": tuple(_shape(weights, f"resblocks.{k}.{convs}.0")[2] for k in range(n_kernels)),
        "resblock_dilation_sizes": tuple(
            tuple(1 + 2 * index for index in range(_count(weights, f"resblocks.{k}.{convs}" + ".{}.bias")))
            for k in range(n_kernels)
        ),
        "mini_nsf": kind == "pc-nsf-hifigan",
    }


def _derived(path: Path, weights: Mapping[str, Tensor], kind: Kind) -> dict[str, Any]:
    """Return the result of `derive`; raise `CheckpointError` if the tensors of the file `path` are incomplete."""
    try:
        return derive(weights, kind)
    except (LookupError, ValueError, ArithmeticError) as error:
        raise CheckpointError(
            f"{path} is incomplete: its tensors are not those of a {TITLES[kind]} ({error})"
        ) from error


def check_vocoder(vocoder: MelSettings, wanted: MelSettings, of: str) -> None:
    """Check that a vocoder reads the mel spectrograms that a model with the settings `wanted` generates.

    Args:
        of: the model in the error message, for example "the diffusion model".

    Raises:
        ConfigError: the sample rate, the hop length, or the number or range of the mel bands differs.
    """
    for name, unit in _COMPARED.items():
        own, other = (_comparable(settings, name) for settings in (vocoder, wanted))
        if own != other:
            raise ConfigError(
                f"the vocoder's {name.replace('_', ' ')} is {own:g}{unit}, but {of} has {other:g}{unit}: choose a "
                f"vocoder of {wanted.sample_rate} Hz with {wanted.n_mels} mel bands and {wanted.hop_length} samples "
                "per frame"
            )


_COMPARED = {"sample_rate": " Hz", "hop_length": " samples", "n_mels": "", "mel_fmin": " Hz", "mel_fmax": " Hz"}


def _comparable(settings: MelSettings, name: str) -> float:
    value = getattr(settings, name)
    return float(settings.sample_rate / 2 if value is None else value)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        given = read_json(path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {reason_of(error)}") from error
    except JsonError as error:
        raise ConfigError(f"{path} {error}") from error
    if not isinstance(given, dict):
        raise ConfigError(f"{path} is not the configuration of a vocoder; get it from the place of the vocoder")
    if {"model", "data"} <= given.keys():
        return VocoderConfig.of_training(Config.read(path)).model_dump()
    return given


def _merge(derived: Mapping[str, Any], given: Mapping[str, Any], path: Path) -> tuple[VocoderConfig, list[str]]:
    """Join the values that follow from the weights and those of `config.json`.

    Raises:
        ConfigError: a value is malformed, or contradicts the weights.
    """
    values = {**derived, **given}
    if "hop_size" not in given and "upsample_rates" in given:
        del values["hop_size"]
    try:
        config = VocoderConfig.model_validate(values)
    except ValidationError as error:
        shown = "; ".join(_describe(one) for one in error.errors()[:_SHOWN_PROBLEMS])
        raise ConfigError(f"{path} does not fit the vocoder beside it: {shown}") from error
    problems = [
        f"{name} is {_plain(getattr(config, name))}, but the weights have {_plain(value)}"
        for name, value in derived.items()
        if getattr(config, name) != value and not _undetermined(name, config, value)
    ]
    if problems:
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        raise ConfigError(f"{path} does not fit the vocoder beside it: {shown}. Get both files from the same place")
    assumed = [name for name in _OF_THE_ANALYSIS if name not in values]
    listed = ", ".join(f"{name} {getattr(config, name)}" for name in assumed)
    if not given:
        return config, [f"without a config.json, the sizes were inferred from the weights; assumed are {listed}"]
    return config, [f"config.json lacks some keys; assumed are {listed}"] if assumed else []


def _undetermined(name: str, config: VocoderConfig, derived: Any) -> bool:
    """Return True if the weights do not determine this difference between `config.json` and the derived value."""
    given = getattr(config, name)
    if name == "hop_size":
        return True  # checked with the rates
    if name == "upsample_rates" and len(given) == len(derived):
        return config.mini_nsf or given[1:] == derived[1:]
    return name == "resblock_dilation_sizes" and [len(one) for one in given] == [len(one) for one in derived]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _describe(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg'].lower()}" if place else error["msg"].removeprefix("Value error, ")


def _shape(weights: Mapping[str, Tensor], module: str) -> tuple[int, ...]:
    """Return the shape of a convolution's weight, with or without weight norm."""
    for name in (OLD_SPELLING[1], NEW_SPELLING[1], "weight"):
        if f"{module}.{name}" in weights:
            return tuple(weights[f"{module}.{name}"].shape)
    raise KeyError(f"{module}.weight is missing")


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many of the names `pattern.format(0)`, `pattern.format(1)`, ... exist, up to the first missing one."""
    number = 0
    while pattern.format(number) in weights:
        number += 1
    if not number:
        raise KeyError(f"{pattern.format(0)} is missing")
    return number
