"""Configuration of a voice: so-vits-svc's `config.json` as frozen, typed models that are validated when read.

Attributes have our names, keys in the file have so-vits-svc's names, and pydantic aliases connect both. `Config.read`
and `Config.write` preserve all values, and the predecessors can read the files that we write. The default of an absent
key depends on the tool that wrote the file (see the comments on such keys).
"""

from __future__ import annotations

import json
import reprlib
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError, field_validator, model_validator

from myna.errors import ConfigError, reason_of
from myna.keys import Key, key, keys_of
from myna.storage.atomic import write_text
from myna.storage.json_file import JsonError, read_json

TemplateName = Literal[
    "so-vits-svc-4.0v1",
    "so-vits-svc-4.0v1-legacy",
    "so-vits-svc-4.1",
    "so-vits-svc-4.1-tiny",
    "quickvc",
    "myna-lite",
    "myna-live",
]
DEFAULT_TEMPLATE: TemplateName = "so-vits-svc-4.0v1"

DecoderName = Literal["nsf-hifigan", "nsf-snake-hifigan", "istft", "ms-istft", "mb-istft", "source-filter"]
SynthesizerKind = Literal["vits", "direct", "rvc", "sovits3", "vocoder"]
DiscriminatorKind = Literal["waveform", "spectrogram"]
Precision = Literal["fp32", "fp16", "bf16"]
Expansion = Literal["nearest", "left"]
# Solvers of refiners: the first five are those of so-vits-svc 4.1's diffusion, the last two those of a rectified flow.
RefinementMethod = Literal["ddim", "pndm", "dpm-solver", "dpm-solver++", "unipc", "euler", "heun"]


class PitchBounds(NamedTuple):
    """Lowest and highest pitch, in Hz."""

    low_hz: float
    high_hz: float


_MOST_LAYERS = 1000  # more would take minutes to construct before the weights are checked
# Bounds of the pitch that voices learn: so-vits-svc estimates and quantises f0 within these bounds in training.
VOICE_BOUNDS = PitchBounds(50.0, 1100.0)


class _Section(BaseModel):
    """A frozen section of the file. Unknown keys are kept, and written back."""

    # Python's JSON reader accepts NaN and Infinity, and reads 1e999 as infinity.
    model_config = ConfigDict(
        frozen=True, extra="allow", populate_by_name=True, protected_namespaces=(), allow_inf_nan=False
    )

    @property
    def unknown_keys(self) -> list[str]:
        return sorted(self.__pydantic_extra__ or {})

    @classmethod
    def known_keys(cls) -> list[str]:
        return sorted(keys_of(cls))


class TrainConfig(_Section):
    """Training settings."""

    log_interval: int = key(200, "number of training steps between log entries", gt=0, page=3)
    eval_interval: int = key(
        800,
        "number of training steps between checkpoints",
        note="each checkpoint is validated on held-out clips",
        gt=0,
        page=4,
    )
    seed: int = key(1234, "seed of the random numbers")
    epochs: int = key(
        10000,
        "total number of passes over the training clips",
        note="training can stop and resume at any time",
        gt=0,
        page=2,
    )
    learning_rate: float = key(1e-4, "initial learning rate of AdamW", gt=0)
    betas: tuple[float, float] = key((0.8, 0.99), "decay rates of AdamW's moment estimates")
    eps: float = key(1e-9, "constant in the denominator of AdamW's update, for numerical stability")
    batch_size: PositiveInt | Literal["auto"] = key(
        16,
        "number of clips per batch and process",
        note='"auto": as many as fit in the memory of the GPU, or 8 without CUDA',
        page=1,
    )
    fp16_run: bool = key(False, "train in half precision, in the format set by half_type")
    bf16_run: bool = key(False, "train in bfloat16; takes precedence over fp16_run")
    half_type: Literal["fp16", "bf16"] = key("fp16", "half-precision format used if fp16_run is true")
    lr_decay: float = key(0.999875, "factor by which the learning rate is multiplied after each epoch", gt=0, le=1)
    segment_size: int = key(
        10240,
        "length of the random segment of each clip that a training step synthesizes",
        unit="samples",
        gt=0,
    )
    c_mel: float = key(45.0, "weight of the mel loss or, in light voices, of the spectral losses")
    c_kl: float = key(1.0, "weight of the KL divergence between posterior and prior")
    keep_ckpts: int = key(0, "number of newest checkpoints to keep; 0 keeps all", ge=0)
    num_workers: int = key(4, "number of processes that load clips; 0 loads them in the training process", ge=0)
    ckpt_name_by_step: bool = key(False, "number checkpoint files by step instead of by epoch")
    accumulate_grad_batches: int = key(1, "number of batches whose gradients are averaged into one step", gt=0)
    vol_aug: bool = key(False, "vary the loudness of half of the clips at random; needs model.vol_embedding")
    subband_n_fft: tuple[int, ...] = key(
        (768, 1366, 342),
        "mb-istft: FFT size of each resolution of the sub-band loss",
        unit="samples of a sub-band",
        alias="fft_sizes",
    )
    subband_hop_lengths: tuple[int, ...] = key(
        (60, 120, 20),
        "mb-istft: hop length of each resolution of the sub-band loss",
        unit="samples of a sub-band",
        alias="hop_sizes",
    )
    subband_win_lengths: tuple[int, ...] = key(
        (300, 600, 120),
        "mb-istft: window length of each resolution of the sub-band loss",
        unit="samples of a sub-band",
        alias="win_lengths",
    )
    # The keys below are ours; the predecessors ignore them.
    base_weights: str | None = key(None, "name of the base weights that training starts from")
    discriminators: DiscriminatorKind = key("waveform", "representation of the audio that the discriminators score")
    adversarial_start: int = key(0, "step at which training and use of the discriminators begin", ge=0)
    discriminator_share: float = key(
        1.0, "share of the clips of each batch that the discriminators score", alias="judged_share", gt=0, le=1
    )
    average_decay: float = key(
        0.0,
        "light voices: conversion uses a moving average of the weights, with this decay per step; 0 for no average",
        ge=0,
        lt=1,
    )
    max_gradient: float | None = key(
        None, "maximum norm of the synthesizer's gradients, enforced by clipping; null for no limit", gt=0
    )
    pitch_jitter: float = key(
        0.0,
        "light voices: standard deviation of the random shift of the network's f0 input in training",
        note="the pulses keep the true f0",
        unit="octaves",
        ge=0,
    )

    @property
    def precision(self) -> Precision:
        if self.bf16_run or (self.fp16_run and self.half_type == "bf16"):
            return "bf16"
        return "fp16" if self.fp16_run else "fp32"


class DataConfig(_Section):
    """Properties of the audio and the features that a voice is trained on."""

    training_files: str = key("filelists/44k/train.txt", "list of the training clips")
    validation_files: str = key("filelists/44k/val.txt", "list of the validation clips")
    sample_rate: int = key(
        44100, "sample rate of clips and voice", unit="Hz", alias="sampling_rate", ge=8000, le=192_000
    )
    n_fft: int = key(2048, "FFT size of the spectrograms", unit="samples", alias="filter_length", gt=0)
    hop_length: int = key(512, "distance between frames", unit="samples", gt=0)
    win_length: int = key(2048, "window length of the spectrograms", unit="samples", gt=0)
    n_mels: int = key(80, "number of mel bands", alias="n_mel_channels", gt=0)
    mel_fmin: float = key(0.0, "lowest frequency of the mel bands", unit="Hz")
    mel_fmax: float | None = key(
        None, "highest frequency of the mel bands", note="null for half the sample rate", unit="Hz"
    )
    # so-vits-svc-fork writes this key; in its older files the key is absent, which means true.
    contentvec_final_proj: bool | None = key(
        None, "so-vits-svc-fork: true for content encoder vec256l9, false for vec768l12"
    )
    # so-vits-svc 4.1 has written this key since June 2023; see `Config.content_expansion` for files without this key.
    unit_interpolate_mode: Expansion | None = key(
        None, "method of repeating content features to match the frames of f0"
    )
    # The keys below are ours; the predecessors ignore them.
    power_floor: float = key(
        1e-6, "constant added to the power of each bin of the spectrograms; 1e-9 for vocoders", gt=0
    )
    # See `training.prepare.augmentation`.
    content_versions: int = key(
        0,
        "light voices: number of augmented versions of each clip (other formants and rooms; half of them with a random "
        "melody) to train on in addition to the clip",
        ge=0,
    )

    @property
    def spectrogram_channels(self) -> int:
        return self.n_fft // 2 + 1


class ModelConfig(_Section):
    """Architecture of a voice."""

    latent_channels: int = key(192, "channels of the latent frames", alias="inter_channels", gt=0)
    hidden_channels: int = key(
        192, "channels of prior, posterior, flow and f0 predictor or, in light voices, of the decoder", gt=0
    )
    filter_channels: int = key(768, "channels of the transformers' feed-forward layers", gt=0)
    n_heads: int = key(2, "number of attention heads in the transformers", gt=0)
    n_layers: int = key(
        6,
        "number of transformer layers in prior and f0 predictor or, in light voices, of decoder blocks at frame rate",
        gt=0,
        le=_MOST_LAYERS,
    )
    kernel_size: int = key(3, "kernel size of the transformers' feed-forward layers", unit="frames", gt=0)
    dropout: float = key(0.1, "dropout probability of the transformers", alias="p_dropout", ge=0, lt=1)
    resblock: Literal["1", "2"] = key("1", "type of the decoder's residual blocks, as in HiFi-GAN")
    resblock_kernel_sizes: tuple[PositiveInt, ...] = key(
        (3, 7, 11), "kernel size of each residual block of an upsampling stage", unit="samples"
    )
    resblock_dilation_sizes: tuple[tuple[PositiveInt, ...], ...] = key(
        ((1, 3, 5), (1, 3, 5), (1, 3, 5)), "dilations of the convolutions of each residual block", unit="samples"
    )
    upsample_rates: tuple[PositiveInt, ...] = key((8, 8, 2, 2, 2), "factor of each upsampling stage of the decoder")
    upsample_initial_channels: int = key(
        512,
        "channels before the first upsampling stage; each stage halves them",
        alias="upsample_initial_channel",
        gt=0,
    )
    upsample_kernel_sizes: tuple[PositiveInt, ...] = key(
        (16, 16, 4, 4, 4), "kernel size of each upsampling stage", unit="samples"
    )
    speaker_channels: int = key(256, "channels of the speaker embedding", alias="gin_channels", gt=0)
    content_channels: int = key(256, "channels of the content features", alias="ssl_dim", gt=0)
    n_speakers: int = key(200, "number of rows in the speaker embedding", gt=0)
    n_flow_layers: int = key(4, "number of coupling layers in the flow", alias="n_flow_layer", gt=0, le=_MOST_LAYERS)
    n_transformer_flow_layers: int = key(
        3,
        "number of transformer layers in each coupling layer of the flow, if use_transformer_flow is true",
        alias="n_layers_trans_flow",
        gt=0,
        le=_MOST_LAYERS,
    )
    use_transformer_flow: bool = key(False, "use transformers instead of WaveNets in the coupling layers of the flow")
    share_flow_parameters: bool = key(
        False, "use one shared network in all coupling layers of the flow", alias="flow_share_parameter"
    )
    use_depthwise_conv: bool = key(
        False, "use depthwise-separable convolutions in the WaveNets of posterior encoder and flow"
    )
    predict_f0: bool = key(True, "include a network that predicts f0", alias="use_automatic_f0_prediction")
    loudness_embedding: bool = key(False, "condition the synthesizer on loudness", alias="vol_embedding")
    # so-vits-svc 4.1 writes the names of the content encoder and the decoder. Older files lack these two keys.
    speech_encoder: str | None = key(None, "name of the content encoder; if null, it is derived from other keys")
    vocoder_name: Literal["nsf-hifigan", "nsf-snake-hifigan"] = key(
        "nsf-hifigan",
        "decoder if type_ is hifi-gan; nsf-snake-hifigan is so-vits-svc 4.1's decoder with Snake activations",
    )
    # so-vits-svc-fork writes the name of the decoder here. Files of other tools lack this key.
    type_: Literal["hifi-gan", "istft", "ms-istft", "mb-istft", "source-filter"] = key(
        "hifi-gan", "type of the decoder; for hifi-gan, vocoder_name selects the variant"
    )
    istft_n_fft: int = key(16, "FFT size of the decoder's inverse STFT", unit="samples", alias="gen_istft_n_fft", gt=0)
    istft_hop_length: int = key(
        4, "hop length of the decoder's inverse STFT", unit="samples", alias="gen_istft_hop_size", gt=0
    )
    n_subbands: int = key(4, "ms-istft, mb-istft: number of sub-bands", alias="subbands", gt=0)
    # The keys below are ours; the predecessors ignore them.
    synthesizer: SynthesizerKind = key(
        "vits",
        "architecture: vits (so-vits-svc 4), rvc, sovits3 (so-vits-svc 3), direct (light voices: no latent variable) "
        "or vocoder (for svc train-vocoder)",
    )
    n_fine_layers: int = key(
        3,
        "light voices: number of decoder blocks after the upsampling, at the frame rate of the inverse STFT",
        ge=0,
        le=_MOST_LAYERS,
    )
    mini_nsf: bool = key(False, "vocoders: use PC-NSF-HiFiGAN's excitation, a single sine")
    noise_sigma: float = key(
        0.0, "PC-NSF-HiFiGAN: standard deviation of the noise added to the first layer's output", ge=0
    )
    causal: bool = key(
        False,
        "light voices: true if the decoder depends on no later frames, so that live conversion has a short delay",
    )
    follows_pitch: bool = key(True, "RVC: false if the voice is conditioned on content only and not on f0", alias="f0")

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        """Check that the lists for upsampling stages and residual blocks match.

        Some tools write kernel sizes for more stages than there are; the surplus is ignored.
        """
        if not self.upsample_rates or len(self.upsample_kernel_sizes) < len(self.upsample_rates):
            raise ValueError("upsample_kernel_sizes must have a value for each of upsample_rates")
        if not self.resblock_kernel_sizes or len(self.resblock_dilation_sizes) != len(self.resblock_kernel_sizes):
            raise ValueError("resblock_dilation_sizes must have as many items as resblock_kernel_sizes")
        return self

    @property
    def decoder(self) -> DecoderName:
        return self.vocoder_name if self.type_ == "hifi-gan" else self.type_


class PitchRange(_Section):
    """Pitch statistics over the voiced frames of a speaker's recordings."""

    median_hz: float = key(..., "median", unit="Hz", gt=0)
    low_hz: float = key(..., "5th percentile", unit="Hz", gt=0)
    high_hz: float = key(..., "95th percentile", unit="Hz", gt=0)


class Config(_Section):
    """Configuration of a voice, needed for conversion and training in addition to the weights."""

    train: TrainConfig = key(TrainConfig(), "training settings")
    data: DataConfig = key(DataConfig(), "settings of the training audio and its features")
    model: ModelConfig = key(ModelConfig(), "architecture of the voice")
    speakers: dict[str, int] = key({}, "index of each speaker, by name", alias="spk")
    # `svc pre-hubert` writes this key. It is ours; the predecessors ignore it.
    pitch: dict[str, PitchRange] = key({}, "pitch of each speaker's recordings")

    @field_validator("speakers", mode="before")
    @classmethod
    def _with_rows(cls, speakers: Any) -> Any:
        """Convert the speakers, which some tools write in other forms, to a mapping from names to rows.

        The other forms are a single name, a list of names (rows 0, 1, ...), and a mapping from rows to names.
        """
        if isinstance(speakers, str):
            speakers = [speakers]
        if isinstance(speakers, list) and all(isinstance(name, str) for name in speakers):
            return {name: row for row, name in enumerate(speakers)}
        if isinstance(speakers, dict) and speakers and all(str(row).isdecimal() for row in speakers):
            names = list(speakers.values())
            if all(isinstance(name, str) and not name.isdecimal() for name in names):
                return {name: int(row) for row, name in speakers.items()}
        return speakers

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a `config.json` that myna or a predecessor wrote.

        Raises:
            ConfigError: the file is missing, empty or not JSON, or a value is invalid.
        """
        path = Path(path)
        try:
            return cls.parse(read_json(path))
        except OSError as error:
            raise ConfigError(f"cannot read the configuration {path}: {reason_of(error)}") from error
        except JsonError as error:
            raise ConfigError(f"{path} {error}") from error
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Validate the parsed JSON of a `config.json`; raise `ConfigError` if it is invalid."""
        if not isinstance(values, dict):
            raise ConfigError("a configuration must be a JSON object with train, data, model and spk")
        _refuse_long_integers(values)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError("; ".join(_describe(item) for item in error.errors())) from error

    @classmethod
    def template(cls, name: str) -> Self:
        """Return the template `name`, or read a configuration if `name` is the path of a JSON file."""
        if name in get_args(TemplateName):
            return cls.parse(json.loads((files("myna") / "templates" / f"{name}.json").read_text("utf-8")))
        if name.endswith(".json") and Path(name).is_file():
            return cls.read(name)
        known = ", ".join(get_args(TemplateName))
        raise ConfigError(f"no template {name!r}; there are: {known}; or give the path of a .json file")

    def write(self, path: Path | str) -> None:
        """Write the configuration to a file atomically."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.text())

    def text(self) -> str:
        """Return the configuration as JSON text, as stored in a file."""
        return json.dumps(self.plain(), indent=2, ensure_ascii=False) + "\n"

    def plain(self) -> dict[str, Any]:
        """Return the values that were set explicitly, keyed by their names in the file."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def with_values(self, **sections: dict[str, Any]) -> Self:
        """Return a copy with some values changed, keyed by their names in the file.

        Example: `with_values(train={"epochs": 3})`.
        """
        plain = self.plain()
        for section, values in sections.items():
            plain[section] = plain.get(section, {}) | values
        return self.parse(plain)

    def same_network(self, other: Config, *, any_encoder: bool = False) -> bool:
        """Return True if two voices have the same architecture; the number of speakers may differ.

        Args:
            any_encoder: also accept a different content encoder, which changes only the width of the first layer.
        """
        ignored = {"n_speakers", *(("speech_encoder", "ssl_dim") if any_encoder else ())}
        own, others = (one.plain().get("model", {}) for one in (self, other))
        return not any(own.get(key) != others.get(key) for key in (own.keys() | others.keys()) - ignored)

    @property
    def kind(self) -> TemplateName | None:
        """Name of the template with the same architecture; None if there is none."""
        for name in get_args(TemplateName):
            if self.same_network(Config.template(name)):
                found: TemplateName = name
                return found
        return None

    def refuse_unknown_keys(self) -> None:
        """Raise `ConfigError` for an unknown key. In a file that people edit, it is probably a typo."""
        for title, section in (("", self), ("train.", self.train), ("data.", self.data), ("model.", self.model)):
            known = section.known_keys()
            for name in set(section.unknown_keys) - _IGNORED_KEYS:
                close = get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}? known keys" if close else "known keys"
                raise ConfigError(f"unknown key {title}{name}; {hint}: {', '.join(known)}")

    @property
    def content_encoder(self) -> str:
        """Name of the content encoder in `features.content`, in so-vits-svc's spelling."""
        if self.model.speech_encoder is not None:
            return self.model.speech_encoder
        if self.data.contentvec_final_proj is not None:
            return "vec256l9" if self.data.contentvec_final_proj else "vec768l12"
        return {256: "vec256l9", 768: "vec768l12", 1024: "whisper-ppg", 1280: "whisper-ppg-large"}.get(
            self.model.content_channels, "vec768l12"
        )

    @property
    def content_expansion(self) -> Expansion:
        """Method that stretches content to the frames of f0.

        If `unit_interpolate_mode` is absent, the method depends on the tool that wrote the file: "nearest" for
        so-vits-svc-fork, which never writes the key, and "left" for old versions of so-vits-svc.
        """
        if self.data.unit_interpolate_mode is not None:
            return self.data.unit_interpolate_mode
        from_fork = (
            self.data.contentvec_final_proj is not None
            or "type_" in self.model.model_fields_set
            or "ckpt_name_by_step" in self.train.model_fields_set
        )
        return "nearest" if from_fork else "left"

    def speaker_id(self, name: str | None) -> int:
        """Return the index of the speaker `name`; without a name, the lowest index.

        If the configuration contains no names of speakers, `name` must be an index or None.

        Raises:
            ConfigError: the voice has no such speaker.
        """
        if not self.speakers:
            n_speakers = self.model.n_speakers
            if name is None or (name.isdecimal() and len(name) < 10 and int(name) < n_speakers):
                return int(name or 0)
            choices = f"choose one by its number, 0 to {n_speakers - 1}, or omit" if n_speakers > 1 else "omit"
            raise ConfigError(f"no speaker {name!r}: this voice names no speakers; {choices} the speaker")
        if name is None:
            return min(self.speakers.values())
        if name not in self.speakers:
            raise ConfigError(f"no speaker {name!r}; this voice has: {', '.join(self.speakers)}")
        return self.speakers[name]


def find_key(path: str) -> Key:
    """Return the key at `path`, for example "train.epochs"."""
    section, _, name = path.partition(".")
    return keys_of(Config.model_fields[section].annotation)[name]  # type: ignore[arg-type]


# Keys of the predecessors that have no effect here; they are valid in a file.
_IGNORED_KEYS = frozenset(
    (
        *("init_lr_ratio", "warmup_epochs", "use_sr", "max_speclen", "port", "all_in_mem", "log_version", "window"),
        *("max_wav_value", "n_layers_q", "use_spectral_norm", "speaker_embedding", "pretrained"),
    )
)


def _refuse_long_integers(values: dict[str, Any]) -> None:
    """Raise `ConfigError` for an integer of more than 64 bits, because computing with it may overflow."""
    left = list(values.items())
    while left:
        name, value = left.pop()
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ConfigError(f"{name}: an integer of more than 64 bits")
        if isinstance(value, dict | list):
            left.extend(value.items() if isinstance(value, dict) else ((name, one) for one in value))


def _describe(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = "input should be an object" if error["type"] == "model_type" else error["msg"].lower()
    return f"{place}: {message}, got {reprlib.repr(error['input'])}"
