"""A voice's configuration: the field's `config.json`, typed, checked at the door and frozen.

In the code names are those of the project; in the file they are the field's (pydantic aliases join the two), so that
`Config.read` followed by `Config.write` gives back what was read, and the predecessors read what we write.
A key that is absent means what it meant to the tool that wrote the file (see the comments on defaults).
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from myna.errors import ConfigError
from myna.storage.atomic import replacing

TemplateName = Literal[
    "so-vits-svc-4.0v1", "so-vits-svc-4.0v1-legacy", "so-vits-svc-4.1", "so-vits-svc-4.1-tiny", "quickvc", "myna-lite"
]
DEFAULT_TEMPLATE: TemplateName = "so-vits-svc-4.0v1"

Decoder = Literal["nsf-hifigan", "nsf-snake-hifigan", "istft", "ms-istft", "mb-istft", "source-filter"]
SynthesizerKind = Literal["vits", "direct", "rvc", "sovits3"]
DiscriminatorKind = Literal["waveform", "spectrogram"]
Precision = Literal["fp32", "fp16", "bf16"]
Expansion = Literal["nearest", "left"]


class _Section(BaseModel):
    """A part of the file: frozen; unknown keys are kept, so that a file survives being read and written."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, protected_namespaces=())

    @property
    def unknown_keys(self) -> list[str]:
        return sorted(self.__pydantic_extra__ or {})

    @classmethod
    def known_keys(cls) -> list[str]:
        return sorted(spec.alias or name for name, spec in cls.model_fields.items())


class TrainConfig(_Section):
    """How a voice is trained."""

    log_interval: int = Field(200, gt=0)  # steps
    eval_interval: int = Field(800, gt=0)  # steps
    seed: int = 1234
    epochs: int = Field(10000, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    betas: tuple[float, float] = (0.8, 0.99)
    eps: float = 1e-9
    batch_size: int | Literal["auto"] = 16
    fp16_run: bool = False
    bf16_run: bool = False
    half_type: Literal["fp16", "bf16"] = "fp16"
    lr_decay: float = Field(0.999875, gt=0, le=1)  # once an epoch
    segment_size: int = Field(10240, gt=0)  # samples that the decoder makes in a training step
    c_mel: float = 45.0
    c_kl: float = 1.0
    keep_ckpts: int = Field(0, ge=0)  # 0 keeps all
    num_workers: int = Field(4, ge=0)
    ckpt_name_by_step: bool = False
    accumulate_grad_batches: int = Field(1, gt=0)
    vol_aug: bool = False
    # The sub-band loss of the multi-band decoder, one entry a resolution.
    subband_n_fft: tuple[int, ...] = Field((768, 1366, 342), alias="fft_sizes")
    subband_hop_lengths: tuple[int, ...] = Field((60, 120, 20), alias="hop_sizes")
    subband_win_lengths: tuple[int, ...] = Field((300, 600, 120), alias="win_lengths")
    # What follows is ours; the predecessors ignore it.
    base_weights: str | None = None  # name in `assets` of what to start from
    discriminators: DiscriminatorKind = "waveform"
    adversarial_start: int = Field(0, ge=0)  # steps before the discriminators are heard
    judged_share: float = Field(1.0, gt=0, le=1)  # of the clips of a batch that the discriminators hear
    average_decay: float = Field(0.0, ge=0, lt=1)  # a step, of the averaged weights that sing; 0 averages nothing
    max_gradient: float | None = Field(None, gt=0)  # the synthesizer's gradients are scaled down to this norm
    pitch_jitter: float = Field(0.0, ge=0)  # octaves: how wrong a pitch the filters of a direct voice are told

    @property
    def precision(self) -> Precision:
        if self.bf16_run or (self.fp16_run and self.half_type == "bf16"):
            return "bf16"
        return "fp16" if self.fp16_run else "fp32"


class DataConfig(_Section):
    """The signals a voice was trained on."""

    training_files: str = "filelists/44k/train.txt"
    validation_files: str = "filelists/44k/val.txt"
    sample_rate: int = Field(44100, alias="sampling_rate", gt=0)
    n_fft: int = Field(2048, alias="filter_length", gt=0)
    hop_length: int = Field(512, gt=0)
    win_length: int = Field(2048, gt=0)
    n_mels: int = Field(80, alias="n_mel_channels", gt=0)
    mel_fmin: float = 0.0
    mel_fmax: float | None = None
    # so-vits-svc-fork writes it; absent in its older files, where it means true.
    contentvec_final_proj: bool | None = None
    # so-vits-svc 4.1 writes it since June 2023; see `Config.content_expansion` for what its absence means.
    unit_interpolate_mode: Expansion | None = None
    # Ours: as how many others would have said a clip it is heard besides as recorded, see `prepare.augmentation`.
    # Training hears one of all of them, and learns to sing what anybody says anywhere as if its speaker said it.
    content_versions: int = Field(0, ge=0)

    @property
    def spectrogram_channels(self) -> int:
        return self.n_fft // 2 + 1


class ModelConfig(_Section):
    """The architecture of a voice."""

    latent_channels: int = Field(192, alias="inter_channels", gt=0)
    hidden_channels: int = Field(192, gt=0)
    filter_channels: int = Field(768, gt=0)
    n_heads: int = Field(2, gt=0)
    n_layers: int = Field(6, gt=0)
    kernel_size: int = Field(3, gt=0)
    dropout: float = Field(0.1, alias="p_dropout", ge=0, lt=1)
    resblock: Literal["1", "2"] = "1"
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2, 2)
    upsample_initial_channels: int = Field(512, alias="upsample_initial_channel", gt=0)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 4, 4, 4)
    speaker_channels: int = Field(256, alias="gin_channels", gt=0)
    content_channels: int = Field(256, alias="ssl_dim", gt=0)
    n_speakers: int = Field(200, gt=0)
    n_flow_layers: int = Field(4, alias="n_flow_layer", gt=0)
    n_transformer_flow_layers: int = Field(3, alias="n_layers_trans_flow", gt=0)
    use_transformer_flow: bool = False
    share_flow_parameters: bool = Field(False, alias="flow_share_parameter")
    use_depthwise_conv: bool = False
    predict_f0: bool = Field(True, alias="use_automatic_f0_prediction")
    loudness_embedding: bool = Field(False, alias="vol_embedding")
    # so-vits-svc 4.1: the content encoder and the decoder by name. Absent in older files.
    speech_encoder: str | None = None
    vocoder_name: Literal["nsf-hifigan", "nsf-snake-hifigan"] = "nsf-hifigan"
    # so-vits-svc-fork: the decoder by name. Absent in the files of others.
    type_: Literal["hifi-gan", "istft", "ms-istft", "mb-istft", "source-filter"] = "hifi-gan"
    istft_n_fft: int = Field(16, alias="gen_istft_n_fft", gt=0)
    istft_hop_length: int = Field(4, alias="gen_istft_hop_size", gt=0)
    n_subbands: int = Field(4, alias="subbands", gt=0)
    # Ours: whether a latent variable stands between content and decoder ("vits"; "rvc" and "sovits3" are the VITS of
    # other tools) or nothing ("direct"); how many blocks of the source-filter decoder work at the rate of its spectra,
    # besides n_layers at the rate of frames; and whether a voice of RVC follows a pitch or takes it from the content.
    synthesizer: SynthesizerKind = "vits"
    n_fine_layers: int = Field(3, ge=0)
    follows_pitch: bool = Field(True, alias="f0")

    @property
    def decoder(self) -> Decoder:
        return self.vocoder_name if self.type_ == "hifi-gan" else self.type_


class PitchRange(_Section):
    """Where a speaker's pitch lies, over the voiced frames of the recordings."""

    median_hz: float = Field(gt=0)
    low_hz: float = Field(gt=0)  # 5th percentile
    high_hz: float = Field(gt=0)  # 95th percentile


class Config(_Section):
    """All that must travel with the weights of a voice."""

    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    speakers: dict[str, int] = Field({}, alias="spk")
    # Pitch of each speaker, written by preparation; ours, the predecessors ignore it.
    pitch: dict[str, PitchRange] = {}

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a `config.json` of ours or of a predecessor.

        Raises:
            ConfigError: the file is absent, empty, not JSON, or a value is not what it can be.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the configuration {path}: {error}") from error
        if not text.strip():
            raise ConfigError(f"the configuration {path} is empty; get it again from where the voice came from")
        try:
            return cls.parse(json.loads(text))
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path} is not JSON: {error}") from error
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Check plain values as they stand in a `config.json`."""
        if not isinstance(values, dict):
            raise ConfigError("a configuration is a JSON object with train, data, model and spk")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError("; ".join(_describe(item) for item in error.errors())) from error

    @classmethod
    def template(cls, name: str) -> Self:
        """The template `name`, or the one in the JSON file `name`."""
        if name in get_args(TemplateName):
            return cls.parse(json.loads((files("myna") / "templates" / f"{name}.json").read_text("utf-8")))
        if name.endswith(".json") and Path(name).is_file():
            return cls.read(name)
        known = ", ".join(get_args(TemplateName))
        raise ConfigError(f"no template {name!r}; there are: {known}, or the path of a .json file")

    def write(self, path: Path | str) -> None:
        """Write the file so that a reader never sees half of it."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.plain(), indent=2, ensure_ascii=False)
        with replacing(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def plain(self) -> dict[str, Any]:
        """The values that were set, under the names of the file."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def with_values(self, **sections: dict[str, Any]) -> Self:
        """A copy with some values changed; names are the file's: `with_values(train={"epochs": 3})`."""
        plain = self.plain()
        for section, values in sections.items():
            plain[section] = plain.get(section, {}) | values
        return self.parse(plain)

    def refuse_unknown_keys(self) -> None:
        """Raise `ConfigError` where a key is not known: in a file that a person edits it is a slip of the pen."""
        for title, section in (("", self), ("train.", self.train), ("data.", self.data), ("model.", self.model)):
            known = section.known_keys()
            for key in set(section.unknown_keys) - _IGNORED_KEYS:
                close = get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]!r}? known" if close else "known"
                raise ConfigError(f"unknown key {title}{key}; {hint}: {', '.join(known)}")

    @property
    def content_encoder(self) -> str:
        """Name of the content encoder in `features.content`, as the field spells it."""
        if self.model.speech_encoder is not None:
            return self.model.speech_encoder
        if self.data.contentvec_final_proj is not None:
            return "vec256l9" if self.data.contentvec_final_proj else "vec768l12"
        return {256: "vec256l9", 768: "vec768l12", 1024: "whisper-ppg", 1280: "whisper-ppg-large"}.get(
            self.model.content_channels, "vec768l12"
        )

    @property
    def content_expansion(self) -> Expansion:
        """How content is stretched to the frames of f0.

        so-vits-svc knew only "left" before it wrote the key; so-vits-svc-fork, which never writes it, only "nearest".
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
        """The row of the speaker embedding for `name`; the only speaker, or the first, where none is named."""
        if not self.speakers:
            if name is None:
                return 0
            raise ConfigError(f"no speaker {name!r}: this voice names no speakers; leave the speaker out")
        if name is None:
            return min(self.speakers.values())
        if name not in self.speakers:
            raise ConfigError(f"no speaker {name!r}; this voice has: {', '.join(self.speakers)}")
        return self.speakers[name]


# Keys of the predecessors that say nothing to us; a file that has them is in order.
_IGNORED_KEYS = frozenset(
    (
        *("init_lr_ratio", "warmup_epochs", "use_sr", "max_speclen", "port", "all_in_mem", "log_version", "window"),
        *("max_wav_value", "n_layers_q", "use_spectral_norm", "speaker_embedding", "pretrained"),
    )
)


def _describe(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg'].lower()}, got {error['input']!r}"
