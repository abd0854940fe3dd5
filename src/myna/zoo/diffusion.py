"""Refiners in the format of so-vits-svc 4.1: `model_*.pt` with the tensors, and a yaml file with the configuration.

Diffusion models of so-vits-svc 4.1, DDSP-SVC 3 and Diffusion-SVC 1 have the same tensors. Diffusion-SVC 2 has another
denoiser. Rectified flows have the prefix `decoder.velocity_fn` in place of `decoder.denoise_fn`, as in Diffusion-SVC 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator
from torch import Tensor

from myna.audio.spectrogram import VOCODER_POWER_FLOOR, MelSettings
from myna.config import Config, RefinementMethod
from myna.errors import CheckpointError, ConfigError, reason_of
from myna.models.diffusion import rectified_flow, schedulers
from myna.models.diffusion.gaussian import GaussianDiffusion
from myna.models.diffusion.mel_scale import HIGHEST, LOWEST
from myna.models.diffusion.noise_schedule import NoiseSchedule
from myna.models.diffusion.rectified_flow import RectifiedFlow
from myna.models.sizes import ConvDenoiserSizes, RefinerSizes
from myna.storage import torch_file
from myna.storage.atomic import write_text
from myna.storage.checkpoint import load_weights
from myna.zoo.building import NoLargerThan
from myna.zoo.derivation import Names, known_speakers
from myna.zoo.names import NameTable, under

Kind = Literal["diffusion", "rectified-flow"]
TYPES: Mapping[Kind, str] = {"diffusion": "Diffusion", "rectified-flow": "RectifiedFlow"}  # `model.type` of yaml files
MODULES: Mapping[Kind, type[GaussianDiffusion] | type[RectifiedFlow]] = {
    "diffusion": GaussianDiffusion,
    "rectified-flow": RectifiedFlow,
}
METHODS: Mapping[Kind, tuple[RefinementMethod, ...]] = {
    "diffusion": tuple(schedulers.SOLVERS),
    "rectified-flow": tuple(rectified_flow.STEPS),
}
RefinerModule = GaussianDiffusion | RectifiedFlow

_CONDITIONING = {
    "conditioning.content_embedding": "unit_embed",
    "conditioning.f0_embedding": "f0_embed",
    "conditioning.loudness_embedding": "volume_embed",
    "conditioning.key_shift_embedding": "aug_shift_embed",
    "conditioning.speaker_embedding": "spk_embed",
}
_DENOISER = {
    "input_conv": "input_projection",
    "level_embedding.{}": "mlp.{}",
    "layers.{}.gate": "residual_layers.{}.dilated_conv",
    "layers.{}.level_projection": "residual_layers.{}.diffusion_projection",
    "layers.{}.condition_projection": "residual_layers.{}.conditioner_projection",
    "layers.{}.residual_skip": "residual_layers.{}.output_projection",
    "skip_conv": "skip_projection",
    "output_conv": "output_projection",
}
_CONV_DENOISER = {
    "input_conv": "input_projection",
    "level_embedding": "diffusion_embedding",
    "condition_convs": "conditioner_projection",
    "layers.{}.level_projection": "residual_layers.{}.diffusion_step_projection",
    "layers.{}.condition_projection": "residual_layers.{}.condition_projection",
    "layers.{}.net": "residual_layers.{}.conformer.net",
    "output_conv": "output_projection",
}
_DENOISERS: Mapping[Kind, str] = {"diffusion": "decoder.denoise_fn", "rectified-flow": "decoder.velocity_fn"}
_TABLES = {
    (kind, is_conv): NameTable({**_CONDITIONING, **under("denoiser", stored, table)}, {})
    for kind, stored in _DENOISERS.items()
    for is_conv, table in ((False, _DENOISER), (True, _CONV_DENOISER))
}
# Names of the yaml file: beside a voice's config.json, and beside the weights.
CONFIG_NAME, TRAINED_CONFIG_NAME = "diffusion.yaml", "config.yaml"
REFINER_FOLDER = "diffusion"  # folder of a voice's refiner in the folder of the voice, as in so-vits-svc 4.1
_UNUSED = r"residual_layers\.\d+\.norm\."  # layer norms that Diffusion-SVC stores, but does not apply
# Names of content encoders in the yaml of Diffusion-SVC and DDSP-SVC, and in so-vits-svc's.
_ENCODERS = {"contentvec768l12": "vec768l12", "contentvec": "vec256l9"}
_N_FFT, _MEL_FMIN_HZ, _MEL_FMAX_HZ = 2048, 40.0, 16000.0
_MOST_CHARACTERS = 1_000_000  # of a yaml file
_ROUNDING, _DIGITS = 2e-3, 4  # relative error, and digits after the point, of variances in half precision


class _Section(BaseModel):
    """A section of the file. Unknown keys are kept, and written back."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=(), allow_inf_nan=False)


class RefinerData(_Section):
    """Recordings and features of the training."""

    sampling_rate: int = Field(44100, ge=8000, le=192_000)  # Hz
    block_size: PositiveInt = 512  # hop length
    encoder: str = "vec768l12"
    encoder_out_channels: PositiveInt = 768
    unit_interpolate_mode: str | None = None
    training_files: str | None = None  # list of the clips
    validation_files: str | None = None
    duration: float = Field(2.0, gt=0, le=60)  # longest excerpt of a clip in training, in seconds

    @property
    def content_encoder(self) -> str:
        """Name of the content encoder in so-vits-svc's spelling."""
        return _ENCODERS.get(self.encoder, self.encoder)


class RefinerNetwork(_Section):
    """Sizes of the network."""

    type: str = "Diffusion"
    n_layers: int = Field(20, gt=0, le=1000)
    n_chans: int = Field(512, ge=4)
    n_hidden: PositiveInt = 256
    use_pitch_aug: bool = False
    timesteps: int = Field(1000, gt=1, le=100_000)
    k_step_max: int = Field(0, ge=0)  # highest level of the training; 0 means all levels
    t_start: float = Field(0.0, ge=0, lt=1)  # lowest time in the training of a rectified flow
    n_spk: PositiveInt = 1

    @field_validator("timesteps", "k_step_max", "t_start", "n_spk", "use_pitch_aug", mode="before")
    @classmethod
    def _none_is_default(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].default if value is None else value


class RefinerDefaults(_Section):
    """Default options of a refinement."""

    speedup: PositiveInt = 10
    infer_step: PositiveInt | None = None  # number of steps of a rectified flow
    method: str | None = None


class RefinerVocoder(_Section):
    """The vocoder whose mel spectrograms the refiner was trained on."""

    type: str = "nsf-hifigan"
    ckpt: str | None = None


class RefinerPlaces(_Section):
    """Places of files."""

    expdir: str = "logs/44k/diffusion"  # folder of the checkpoints


class RefinerTraining(_Section):
    """Settings of the training. The keys `cache_*` of so-vits-svc 4.1 have no effect."""

    num_workers: int = Field(4, ge=0)  # processes that load clips
    amp_dtype: Literal["fp32", "fp16", "bf16"] = "fp32"
    batch_size: PositiveInt | Literal["auto"] = 48
    epochs: PositiveInt = 100_000
    interval_log: PositiveInt = 10  # steps
    interval_val: PositiveInt = 2000  # steps between checkpoints
    interval_force_save: PositiveInt = 5000  # checkpoints of multiples of this number of steps are never deleted
    lr: float = Field(1e-4, gt=0)
    decay_step: PositiveInt = 100_000  # steps after which the learning rate is multiplied by `gamma`
    gamma: float = Field(0.5, gt=0, le=1)
    weight_decay: float = Field(0.0, ge=0)
    save_opt: bool = True  # whether checkpoints contain the state of the optimizer


class RefinerConfig(_Section):
    """Content of a refiner's yaml file, with so-vits-svc 4.1's key names."""

    data: RefinerData = RefinerData()
    model: RefinerNetwork = RefinerNetwork()
    infer: RefinerDefaults = RefinerDefaults()
    vocoder: RefinerVocoder = RefinerVocoder()
    env: RefinerPlaces = RefinerPlaces()
    train: RefinerTraining = RefinerTraining()
    spk: dict[str, int] = Field(default_factory=dict)  # index of each speaker; {} if the file has no names

    @property
    def max_k_step(self) -> int:
        """Highest noise level of the training."""
        model = self.model
        if model.t_start:
            return round((1 - model.t_start) * model.timesteps)
        return model.k_step_max if 0 < model.k_step_max < model.timesteps else model.timesteps

    def method(self, kind: Kind) -> RefinementMethod | None:
        """Return the default solver; None if the file has none, or one that this kind of refiner does not know."""
        return next((known for known in METHODS[kind] if known == self.infer.method), None)

    def speedup_at(self, k_step: int) -> int:
        """Return the default number of noise levels per step for a refinement from level `k_step`."""
        n_steps = self.infer.infer_step
        return self.infer.speedup if n_steps is None else max(round(k_step / n_steps), 1)

    @property
    def kind(self) -> Kind:
        """Kind of the refiner in training.

        Raises:
            ConfigError: refiners of this type cannot be trained.
        """
        wanted = _plain_type(self.model.type)
        for kind, name in TYPES.items():
            if _plain_type(name) == wanted:
                return kind
        raise ConfigError(
            f"model.type is {self.model.type!r}; types that can be trained are {', '.join(TYPES.values())}"
        )

    def sizes(self, n_mels: int) -> RefinerSizes:
        """Return the sizes of a refiner in training.

        Raises:
            ConfigError: `k_step_max` is above the number of levels.
        """
        model = self.model
        if model.k_step_max > model.timesteps:
            raise ConfigError(f"model.k_step_max is {model.k_step_max}, above model.timesteps {model.timesteps}")
        return RefinerSizes(
            content_channels=self.data.encoder_out_channels,
            condition_channels=model.n_hidden,
            n_speakers=model.n_spk,
            key_shift=model.use_pitch_aug,
            n_mels=n_mels,
            channels=model.n_chans,
            n_layers=model.n_layers,
            n_levels=model.timesteps,
            max_k_step=self.max_k_step,
        )

    def mel(self, n_mels: int) -> MelSettings:
        """Return the mel spectrograms of the vocoders with which so-vits-svc 4.1 trains, with `n_mels` bands."""
        sample_rate = self.data.sampling_rate
        return MelSettings(
            sample_rate=sample_rate,
            n_fft=_N_FFT,
            hop_length=self.data.block_size,
            win_length=_N_FFT,
            n_mels=n_mels,
            mel_fmin=_MEL_FMIN_HZ,
            mel_fmax=min(_MEL_FMAX_HZ, sample_rate / 2),
            power_floor=VOCODER_POWER_FLOOR,
        )

    def with_voice(self, voice: Config) -> RefinerConfig:
        """Return a copy with the lists, the features and the speakers of a voice, and with all defaults written out."""
        plain = self.model_dump(mode="json", exclude_none=True)
        plain["data"] |= {
            "sampling_rate": voice.data.sample_rate,
            "block_size": voice.data.hop_length,
            "encoder": voice.content_encoder,
            "encoder_out_channels": voice.model.content_channels,
            "unit_interpolate_mode": voice.content_expansion,
            "training_files": voice.data.training_files,
            "validation_files": voice.data.validation_files,
        }
        plain["model"]["n_spk"] = 1 + max(voice.speakers.values(), default=0)
        plain["spk"] = dict(voice.speakers)
        return RefinerConfig.parse(plain)

    def of_kind(self, kind: Kind) -> RefinerConfig:
        """Return a copy for a refiner of another kind, with that kind's default solver."""
        if self.kind == kind:
            return self
        plain = self.model_dump(mode="json", exclude_none=True)
        plain["model"]["type"] = TYPES[kind]
        plain["infer"] |= _INFERENCE[kind]
        return RefinerConfig.parse(plain)

    @classmethod
    def template(cls, kind: Kind, folder: Path | None = None) -> RefinerConfig:
        """Return the settings for a new refiner: the sizes of so-vits-svc 4.1, and all keys that it reads.

        Args:
            folder: folder of the checkpoints; None for so-vits-svc 4.1's.
        """
        return cls.parse(
            {
                "data": {
                    "cnhubertsoft_gate": 10,
                    "encoder_sample_rate": 16000,
                    "encoder_hop_size": 320,
                    "extensions": ["wav"],
                },
                "model": {"type": TYPES[kind], "use_pitch_aug": True},
                "device": "cuda",
                "infer": _INFERENCE[kind],
                "vocoder": {"ckpt": "pretrain/nsf_hifigan/model"},
                "env": {"gpu_id": 0} | ({} if folder is None else {"expdir": folder.as_posix()}),
                "train": {"cache_all_data": True, "cache_device": "cpu", "cache_fp16": True},
            }
        )

    @classmethod
    def parse(cls, values: Any) -> RefinerConfig:
        """Validate the values of a yaml file; raise `ConfigError` if they are invalid."""
        if not isinstance(values, dict):
            raise ConfigError("a refiner's configuration must be a yaml mapping with data, model, vocoder and spk")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            shown = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg'].lower()}" for one in error.errors()[:4])
            raise ConfigError(shown) from error

    @classmethod
    def read(cls, path: Path) -> RefinerConfig:
        """Read a yaml file.

        Raises:
            ConfigError: the file cannot be read, is not yaml, or a value is invalid.
        """
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(_MOST_CHARACTERS + 1)
            if len(text) > _MOST_CHARACTERS:
                raise ConfigError(f"{path} is too long for a refiner's configuration")
            return cls.parse(yaml.load(text, _Loader))
        except OSError as error:
            raise ConfigError(f"cannot read the configuration {path}: {reason_of(error)}") from error
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
            raise ConfigError(f"{path} is not a readable yaml file; get it again") from error
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def text(self) -> str:
        """Return the content of the yaml file."""
        values = self.model_dump(mode="json", exclude_unset=True)
        text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        return text

    def write(self, path: Path) -> None:
        """Write the configuration to a yaml file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.text())


_INFERENCE: Mapping[Kind, Mapping[str, Any]] = {
    "diffusion": {"speedup": 10, "method": "dpm-solver++"},
    "rectified-flow": {"speedup": 10, "method": "euler"},
}


def _plain_type(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Loader of plain values. It refuses aliases, with which a short file can describe a value of any size."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not used in configurations")
        return super().compose_node(parent, index)


@dataclass(frozen=True)
class OpenedRefiner:
    """Content of a refiner's file and the configuration that fits it."""

    path: Path
    kind: Kind
    weights: dict[str, Tensor]  # by their names in the file
    sizes: RefinerSizes
    config: RefinerConfig
    step: int | None = None  # number of training steps
    remarks: list[str] = field(default_factory=list)  # assumptions for values that neither file has

    @property
    def mel(self) -> MelSettings:
        """Parameters of the mel spectrograms: those of the vocoders with which so-vits-svc 4.1 trains."""
        return self.config.mel(self.sizes.n_mels)

    def build(self, device: str = "cpu") -> RefinerModule:
        """Build the refiner, ready to refine on `device`.

        Raises:
            CheckpointError: tensors are missing, unknown, or of a wrong shape.
        """
        try:
            with NoLargerThan(self.weights):
                module = MODULES[self.kind](self.sizes)
            load_weights(module, from_stored(self.weights, self.kind, self.sizes))
        except CheckpointError as error:
            raise CheckpointError(f"{self.path}: {error}") from error
        return module.eval().to(device)


def open_refiner(path: Path, config_path: Path | None = None) -> OpenedRefiner:
    """Open a refiner.

    Args:
        path: file of the weights, or a folder with `model_*.pt`.
        config_path: yaml file of the refiner. None uses `config.yaml` or `diffusion.yaml` beside the weights, if there
            is one.

    Raises:
        CheckpointError: there is no such file, it cannot be read, or it is not a refiner that can be used.
        ConfigError: the configuration cannot be read, or does not fit the weights.
    """
    path = find_refiner(path)
    found = config_path or configuration_beside(path)
    content = torch_file.read(path)
    weights = refiner_in(content)
    kind = None if weights is None else kind_of(weights)
    if weights is None or kind is None:
        raise CheckpointError(f"{path} is not a diffusion model; 'svc inspect {path}' shows what it is")
    given = None if found is None else RefinerConfig.read(found)
    try:
        sizes = _derive(weights, kind)
    except (LookupError, ValueError, ArithmeticError) as error:
        raise CheckpointError(f"{path} cannot be used as a refiner: {reason_of(error)}") from error
    try:
        config, remarks = _merge(sizes, given)
    except ConfigError as error:
        raise ConfigError(f"{found} does not fit {path.name}: {error}; give the yaml of this model with -dc") from error
    sizes = replace(sizes, max_k_step=config.max_k_step)
    step = content.get("global_step")
    return OpenedRefiner(path, kind, weights, sizes, config, step if isinstance(step, int) else None, remarks)


def configuration_beside(path: Path) -> Path | None:
    """Return the yaml file beside a refiner's weights; None if there is none."""
    return next((one for name in (TRAINED_CONFIG_NAME, CONFIG_NAME) if (one := path.with_name(name)).is_file()), None)


def find_refiner(path: Path) -> Path:
    """Return the file of a refiner: `path` itself, or the `model_*.pt` with the highest number in the folder `path`.

    Raises:
        CheckpointError: there is no such file.
    """
    if path.is_dir():
        found = numbered_refiners(path)
        if not found:
            raise CheckpointError(f"there is no model_*.pt in {path}; name a diffusion model with -dm")
        return found[max(found)]
    if not path.is_file():
        raise CheckpointError(f"there is no {path}; name a diffusion model, a model_*.pt or its folder, with -dm")
    return path


def numbered_refiners(folder: Path) -> dict[int, Path]:
    """Return the files `model_*.pt` in a folder by their numbers, in ascending order."""
    numbered = {one: one.stem.removeprefix("model_") for one in folder.glob("model_*.pt")}
    found = {int(number): one for one, number in numbered.items() if number.isdecimal()}
    return dict(sorted(found.items()))


def refiner_in(content: Any) -> dict[str, Tensor] | None:
    """Return the tensors of a refiner in the content of a file; None if there are none."""
    found = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(found, dict) or "unit_embed.weight" not in found:
        return None
    if not all(isinstance(name, str) and isinstance(one, Tensor) and one.numel() for name, one in found.items()):
        return None
    return found


def is_refiner(path: Path) -> bool:
    """Return True if a file contains a refiner of a known kind; refiners of some other tools are of unknown kinds."""
    try:
        weights = refiner_in(torch_file.read(path))
    except CheckpointError:
        return False
    return weights is not None and kind_of(weights) is not None


def kind_of(weights: Mapping[str, Tensor]) -> Kind | None:
    """Determine the kind of a refiner from its tensor names; return None for other networks."""
    return next(
        (kind for kind, prefix in _DENOISERS.items() if any(name.startswith(f"{prefix}.") for name in weights)), None
    )


def to_stored(weights: Mapping[str, Tensor], kind: Kind, sizes: RefinerSizes) -> dict[str, Tensor]:
    """Rename the state dict of a refiner to the names in files, and add the constants that so-vits-svc 4.1 stores."""
    stored = _TABLES[kind, sizes.conv is not None].to_stored(weights)
    if kind == "rectified-flow":
        return stored
    return {**stored, **_constants(NoiseSchedule(sizes.n_levels, sizes.highest_beta))}


def from_stored(weights: Mapping[str, Tensor], kind: Kind, sizes: RefinerSizes) -> dict[str, Tensor]:
    """Rename the tensors of a file to the names of a refiner; leave constants and unused tensors out."""
    table, constants = _TABLES[kind, sizes.conv is not None], _constants(NoiseSchedule(n_levels=2, highest_beta=0.5))
    return table.from_stored(
        {name: one for name, one in weights.items() if name not in constants and not re.search(_UNUSED, name)}
    )


def _constants(schedule: NoiseSchedule) -> dict[str, Tensor]:
    """Return the constants of a diffusion (Ho et al. 2020, equations 4 to 7) under the names in files."""
    betas = schedule.betas
    power = np.cumprod(1 - betas)
    before = np.append(1.0, power[:-1])
    variance = betas * (1 - before) / (1 - power)
    values = {
        "betas": betas,
        "alphas_cumprod": power,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": np.sqrt(power),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(1 - power),
        "log_one_minus_alphas_cumprod": np.log(1 - power),
        "sqrt_recip_alphas_cumprod": np.sqrt(1 / power),
        "sqrt_recipm1_alphas_cumprod": np.sqrt(1 / power - 1),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
        "posterior_mean_coef1": betas * np.sqrt(before) / (1 - power),
        "posterior_mean_coef2": (1 - before) * np.sqrt(1 - betas) / (1 - power),
        "spec_min": np.full((1, 1, 1), LOWEST),
        "spec_max": np.full((1, 1, 1), HIGHEST),
    }
    return {f"decoder.{name}": torch.from_numpy(value).float() for name, value in values.items()}


def _derive(weights: Mapping[str, Tensor], kind: Kind) -> RefinerSizes:
    """Derive the sizes of a refiner from its tensors; `max_k_step` is set to `n_levels`.

    The tensors do not contain the true `max_k_step`.

    Raises:
        KeyError, ValueError, IndexError: a tensor is missing, or has an unexpected shape or value.
    """
    names, denoiser = Names(weights), _DENOISERS[kind]
    condition_channels, content_channels = names.shape("unit_embed")
    channels, n_mels, _ = names.shape(f"{denoiser}.input_projection")
    sizes = RefinerSizes(
        content_channels=content_channels,
        condition_channels=condition_channels,
        n_speakers=names.shape("spk_embed")[0] if names.has("spk_embed.") else 1,
        key_shift=names.has("aug_shift_embed."),
        n_mels=n_mels,
        channels=channels,
        n_layers=names.count(rf"{re.escape(denoiser)}\.residual_layers\.(\d+)\."),
        conv=_derive_conv(names, denoiser),
    )
    if kind == "rectified-flow":
        return sizes
    betas = weights["decoder.betas"].double().numpy()
    sizes = replace(sizes, n_levels=len(betas), max_k_step=len(betas), highest_beta=round(float(betas[-1]), _DIGITS))
    expected = _constants(NoiseSchedule(sizes.n_levels, sizes.highest_beta))
    for name in ("decoder.betas", "decoder.spec_min", "decoder.spec_max"):
        if name in weights and not torch.allclose(weights[name].float(), expected[name], rtol=_ROUNDING, atol=0):
            raise ValueError(f"its {name.removeprefix('decoder.')} differs from so-vits-svc 4.1's")
    return sizes


def _derive_conv(names: Names, denoiser: str) -> ConvDenoiserSizes | None:
    """Derive the sizes of a denoiser of depthwise convolutions; return None for the one of so-vits-svc 4.1."""
    layer = f"{denoiser}.residual_layers.0"
    if names.has(f"{layer}.dilated_conv."):
        return None
    if not names.has(f"{layer}.conformer.net.6.") or names.has(f"{layer}.attn."):
        raise ValueError("its denoiser is neither so-vits-svc 4.1's nor one of Diffusion-SVC's convolutions")
    inner, _, kernel_size = names.shape(f"{layer}.conformer.net.4")
    channels = names.shape(f"{layer}.conformer.net.6")[0]
    return ConvDenoiserSizes(
        kernel_size=kernel_size,
        expansion=inner // channels,
        wide=names.has(f"{denoiser}.conditioner_projection."),
        norm=names.has(f"{layer}.conformer.net.0."),
        learned_slopes=names.has(f"{layer}.conformer.net.5."),
    )


def _merge(sizes: RefinerSizes, given: RefinerConfig | None) -> tuple[RefinerConfig, list[str]]:
    """Complete the configuration of a refiner; return it together with remarks for the user.

    Raises:
        ConfigError: a value contradicts the weights.
    """
    model = {
        "n_layers": sizes.n_layers,
        "n_chans": sizes.channels,
        "n_hidden": sizes.condition_channels,
        "n_spk": sizes.n_speakers,
        "use_pitch_aug": sizes.key_shift,
        "timesteps": sizes.n_levels,
    }
    if given is None:
        config = RefinerConfig.parse({"data": {"encoder_out_channels": sizes.content_channels}, "model": model})
        return config, [
            "without a yaml file, the sizes were inferred from the weights; assumed are a sample rate of 44100 Hz, "
            "512 samples per frame, and that the model was trained for all noise levels"
        ]
    plain = given.model_dump(mode="json", exclude_unset=True)
    model_keys, data_keys = plain.get("model", {}), plain.get("data", {})
    unsupported = {
        "a speaker encoder": model_keys.get("use_speaker_encoder"),
        "the latent variable of another model": model_keys.get("z_rate"),
        "dilated convolutions": _value(model_keys, "denoise_fn", "wn_dilation", 1) != 1,
        "skip connections between convolutions": _value(model_keys, "denoise_fn", "wavenet_like", False),
        "another range of mel spectrograms": (model_keys.get("spec_min", LOWEST), model_keys.get("spec_max", HIGHEST))
        != (LOWEST, HIGHEST),
    }
    if found := [what for what, is_there in unsupported.items() if is_there]:
        raise ConfigError(f"it describes a model with {' and '.join(found)}, which cannot be used here")
    problems = [
        f"model.{name} is {getattr(given.model, name)}, but the weights have {value}"
        for name, value in model.items()
        if model_keys.get(name) is not None and getattr(given.model, name) != value
    ]
    if data_keys.get("encoder_out_channels", sizes.content_channels) != sizes.content_channels:
        problems.append(
            f"data.encoder_out_channels is {given.data.encoder_out_channels}, but the weights have "
            f"{sizes.content_channels}"
        )
    if problems:
        raise ConfigError("; ".join(problems))
    speakers, remarks = known_speakers(given.spk, sizes.n_speakers)
    plain["model"] = {**model_keys, **model}
    plain["data"] = {**data_keys, "encoder_out_channels": sizes.content_channels}
    return RefinerConfig.parse({**plain, "spk": speakers}), remarks


def _value(keys: Mapping[str, Any], section: str, name: str, usual: Any) -> Any:
    """Return a value of a section in a section; `usual` if it is absent or null."""
    inner = keys.get(section)
    value = inner.get(name) if isinstance(inner, dict) else None
    return usual if value is None else value
