"""What a person may choose, declared once; flags, widgets and docs are derived from these dataclasses.

No module here imports torch, so that the command line can print its help at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from myna.errors import ConfigError

F0Method = Literal["swift", "dio", "harvest", "parselmouth", "crepe", "crepe-tiny", "fcpe", "rmvpe", "median"]

DEFAULT_F0_METHOD: F0Method = "swift"

Engine = Literal["torch", "onnx"]

TransposeStep = Literal["octave", "semitone"]


def option(
    default: Any,
    help: str,
    *,
    flags: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """A dataclass field with what a flag, a widget and the docs need to know of it.

    Args:
        default: the value when nothing is chosen.
        help: one line for a person, with the unit.
        flags: short names, and the predecessor's long ones, besides `--the-field-name`. For a boolean a
            flag "-a/-na" gives both directions.
        low: the least value allowed.
        high: the greatest value allowed.
    """
    return field(default=default, metadata={"help": help, "flags": flags, "low": low, "high": high})


def check_options(options: Any) -> None:
    """Raise `ConfigError` where a value is out of range or not among the choices of its `Literal` type."""
    hints = get_type_hints(type(options))
    for spec in fields(options):
        value, low, high = getattr(options, spec.name), spec.metadata["low"], spec.metadata["high"]
        choices = get_args(hints[spec.name])
        if choices and all(isinstance(choice, str) for choice in choices) and value not in choices:
            raise ConfigError(f"{spec.name} must be one of {', '.join(choices)}; got {value!r}")
        if value is None or isinstance(value, str | bool):
            continue
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise ConfigError(f"{spec.name} must be {_range_text(low, high)}; got {value}")


def _range_text(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"between {low:g} and {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


@dataclass(frozen=True, kw_only=True)
class ConversionOptions:
    """What a listener may choose for one conversion."""

    speaker: str | None = option(None, "which of the voice's speakers sings", flags=("-s",))
    speaker_mix: str | None = option(
        None, "several at once, e.g. alto:0.7,tenor:0.3, or a .csv or .json file of shares over time"
    )
    transpose: float = option(0.0, "pitch shift in semitones", flags=("-t",), low=-36, high=36)
    auto_transpose: bool = option(
        False, "besides, shift the whole song once, to where the voice's recordings lie in pitch"
    )
    # Whole octaves leave a singer in tune with the music, and a voice sings half an octave off its middle with ease.
    transpose_step: TransposeStep = option(
        "octave", "what --auto-transpose shifts by: whole octaves keep the key of the music, semitones come closer"
    )
    auto_predict_f0: bool = option(
        False, "let the voice predict its own pitch: for speech, not for singing", flags=("-a/-na",)
    )
    f0_method: F0Method = option(DEFAULT_F0_METHOD, "how the pitch of the source is estimated", flags=("-fm",))
    cluster_model_path: Path | None = option(
        None,
        "how the speaker says things: index.safetensors, kmeans.pt, RVC's added_*.index or so-vits-svc's "
        "feature_and_index.pkl; for a ratio above 0, the one in or beside the voice if not given",
        flags=("-k",),
    )
    cluster_infer_ratio: float = option(
        0.0,
        "how far content is drawn to it: 0 not at all, 1 is most like the speaker and least clear",
        flags=("-r",),
        low=0,
        high=1,
    )
    cluster_everywhere: bool = option(
        False, "draw also what is not voiced: without it, consonants stay as clear as they were sung"
    )
    noise_scale: float | None = option(
        None,
        "spread of the latent sample, 0 to 1; 0 is the mean voice; if not given, what tools of the voice's family use",
        flags=("-n",),
        low=0,
        high=1,
    )
    soften_pauses_db: float | None = option(
        None,
        "by how much the noise in the source's pauses is softened; dB; voices that follow loudness; if not "
        "given, 15 for those that learned in quiet only",
        low=0,
        high=60,
    )
    silence_db: float = option(
        # In real singing breaths lie 30 to 48 dB below the loudest moment, and end at 58; what hums below is a room.
        -60.0,
        "what stays quieter than this becomes silence; dB, relative to the loudest moment",
        flags=("-db", "--db-thresh"),
        low=-120,
        high=0,
    )
    absolute_silence: bool = option(
        False,
        "count the silence threshold from full scale, not from the loudest moment",
        flags=("-ab/-nab", "--absolute-thresh/--no-absolute-thresh"),
    )
    min_silence_seconds: float = option(
        0.5, "the shortest silence to cut at", flags=("-ch", "--chunk-seconds"), low=0.02, high=10
    )
    pad_seconds: float = option(0.5, "context heard on both sides of a slice", flags=("-p",), low=0, high=10)
    max_chunk_seconds: float = option(
        40.0,
        "the longest slice converted at once: lower it if memory runs out; at least 1, or 0 for no limit",
        flags=("-mc",),
        low=0,
        high=600,
    )
    seed: int = option(0, "seed of the random numbers: the same seed gives the same sound", low=0)

    def __post_init__(self) -> None:
        check_options(self)
        if self.speaker is not None and self.speaker_mix is not None:
            raise ConfigError("speaker and speaker_mix exclude each other: choose one of them")
        if 0 < self.max_chunk_seconds < 1:
            raise ConfigError(f"max_chunk_seconds must be 0 or at least 1; got {self.max_chunk_seconds:g}")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """What a person may choose for `svc evaluate`."""

    f0_method: F0Method = option(DEFAULT_F0_METHOD, "how pitch is found in sources and conversions", flags=("-fm",))
    transpose: float | None = option(
        None,
        "by how many semitones the conversions were shifted; found for each file if not given",
        flags=("-t",),
        low=-36,
        high=36,
    )
    similarity: bool = option(True, "measure whose voice it is (needs Resemblyzer's weights)")
    words: bool = option(True, "measure whether the words are still there (slow; needs the extra 'eval')")
    quality: bool = option(True, "measure how clean it sounds (needs the extra 'eval')")
    whisper: str | None = option(None, "folder of a faster-whisper model for the words; one is found if not given")
    language: str | None = option(None, "language of the recordings, e.g. en; recognised in each if not given")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class ResampleOptions:
    """How recordings become clips."""

    sample_rate: int = option(
        44100, "sample rate of the clips, Hz", flags=("-s", "--sampling-rate"), low=8000, high=192000
    )
    top_db: float = option(
        30.0, "what is this much quieter than the loudest moment is silence at the ends; dB", flags=("-d",), low=1
    )
    frame_seconds: float = option(1.0, "length of the moments compared for it", flags=("-f",), low=0.02, high=60)
    hop_seconds: float = option(0.3, "distance of these moments", flags=("-ho", "-hop"), low=0.01, high=60)
    max_clip_seconds: float = option(
        # Training hears random pieces of 9 s at most, so that much of a long clip would never be heard.
        15.0,
        "longer recordings are cut into clips X_000.wav, X_001.wav, ... at their quietest moments; 0 keeps them whole",
        flags=("-mc",),
        low=0,
    )

    def __post_init__(self) -> None:
        check_options(self)
        if 0 < self.max_clip_seconds < 1:
            raise ConfigError(f"max_clip_seconds must be 0 or at least 1; got {self.max_clip_seconds:g}")


@dataclass(frozen=True, kw_only=True)
class FeatureOptions:
    """How the features of clips are made."""

    f0_method: F0Method = option(DEFAULT_F0_METHOD, "how pitch is estimated", flags=("-fm",))
    force_rebuild: bool = option(False, "make anew also what is there and fits", flags=("-f/-nf",))

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How a voice is trained, besides what its config.json says."""

    from_scratch: bool = option(False, "begin with random weights where there is no save to go on from")
    pretrained_dir: Path | None = option(None, "folder with G_0.pth and D_0.pth to begin with")
    reset_optimizer: bool = option(False, "go on with a new optimizer", flags=("-r",))
    device: str = option("auto", "cpu, cuda, cuda:1, mps, or auto: the fastest there is", flags=("-d",))
    devices: int | None = option(None, "processes a machine, one a GPU; 1, or what torchrun or SLURM started", low=1)
    num_nodes: int | None = option(None, "machines; 1, or what torchrun or SLURM started", low=1)
    max_steps: int | None = option(None, "stop at this step, counted from the very first", low=1)
    max_minutes: float | None = option(None, "stop after so many minutes, saved and ready to go on", low=0.1)
    epochs: int | None = option(None, "epochs in all, instead of train.epochs", low=1)
    batch_size: int | None = option(None, "clips a step, instead of train.batch_size", low=1)

    def __post_init__(self) -> None:
        check_options(self)
