"""Options of the commands, each declared once; flags, widgets and docs are derived from these dataclasses.

This module must not import torch, because the command line imports it to print help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from myna.config import RefinementMethod, find_key
from myna.errors import ConfigError
from myna.scales import Autotune

F0Method = Literal["swift", "live", "dio", "harvest", "parselmouth", "crepe", "crepe-tiny", "fcpe", "rmvpe", "median"]

DEFAULT_F0_METHOD: F0Method = "swift"

Engine = Literal["torch", "onnx"]

TransposeStep = Literal["octave", "semitone"]

Options = TypeVar("Options")

_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}


def option(
    default: Any,
    help: str,
    *,
    flags: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare a dataclass field with the metadata of its flag, its widget and its documentation.

    Args:
        default: value if the user gives none.
        help: one line of help for users, including the unit.
        flags: additional flags beside `--the-field-name`: short flags, and flags of the predecessors (so-vits-svc and
            so-vits-svc-fork). "-a/-na" declares flags that turn a boolean on and off.
        low: smallest allowed value.
        high: largest allowed value.
    """
    return field(default=default, metadata={"help": help, "flags": flags, "low": low, "high": high, "key": None})


def instead_of(path: str) -> Any:
    """Declare a field that overrides a key of `config.json`, with the help and range of that key.

    Annotate the field as `T | None`, where T is the type of the key. An exclusive bound of a float is checked only by
    the configuration.

    Args:
        path: section and name of the key in the file, for example "train.epochs".
    """
    key = find_key(path)
    low, high = key.limits
    help = f"{key.help}; default: {path} of config.json"
    return field(default=None, metadata={"help": help, "flags": (), "low": low, "high": high, "key": path})


def overrides(options: Any) -> dict[str, dict[str, Any]]:
    """Return the values of all `instead_of` fields that are set, as arguments for `Config.with_values`."""
    found: dict[str, dict[str, Any]] = {}
    for spec in fields(options):
        value = getattr(options, spec.name)
        if spec.metadata["key"] is not None and value is not None:
            section, _, name = spec.metadata["key"].partition(".")
            found.setdefault(section, {})[name] = value
    return found


def check_options(options: Any) -> None:
    """Raise `ConfigError` if a value is out of range or not one of the choices of its `Literal` type."""
    hints = get_type_hints(type(options))
    for spec in fields(options):
        value, low, high = getattr(options, spec.name), spec.metadata["low"], spec.metadata["high"]
        choices = words_of(hints[spec.name])
        if choices and value is not None and value not in choices:
            raise ConfigError(f"{spec.name} must be one of {', '.join(choices)}; got {value!r}")
        if value is None or isinstance(value, str | bool):
            continue
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise ConfigError(f"{spec.name} must be {_range_text(low, high)}; got {value}")


def parse_options(options: type[Options], values: Mapping[str, Any]) -> Options:
    """Build an option dataclass from plain values of JSON or a form; None or "" means the default.

    Raises:
        ConfigError: a value is out of range or has the wrong type, or a name is not an option.
    """
    hints = get_type_hints(options)
    unknown = values.keys() - hints.keys()
    if unknown:
        raise ConfigError(f"no option {', '.join(sorted(unknown))}; there are: {', '.join(hints)}")
    given = {name: value for name, value in values.items() if value is not None and str(value).strip() != ""}
    return options(**{name: typed(name, value, plain_type(hints[name])) for name, value in given.items()})


def words_of(hint: Any) -> tuple[str, ...]:
    """Return the choices of a field whose type is a `Literal` of words, with or without None; () for other types."""
    choices = [choice for choice in get_args(hint) if choice is not NoneType]
    if len(choices) == 1 and not isinstance(choices[0], str):
        return words_of(choices[0])
    return tuple(choices) if all(isinstance(choice, str) for choice in choices) else ()


def plain_type(hint: Any) -> Any:
    """Return the type of a field without None, and `str` for a choice of words."""
    if isinstance(hint, type):
        return hint
    choices = [choice for choice in get_args(hint) if choice is not NoneType]
    return str if isinstance(choices[0], str) else plain_type(choices[0])


def typed(name: str, value: Any, kind: Any) -> Any:
    """Convert a plain value to the type of the field `name`.

    Raises:
        ConfigError: the value has a different type.
    """
    try:
        if isinstance(value, bool) is not (kind is bool) or (kind is str and not isinstance(value, str)):
            raise TypeError(value)
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise ValueError(value)
        return kind(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name}: {value!r} is not {_KINDS.get(kind, kind.__name__)}") from error


def capitalized(text: str) -> str:
    """Return a help line with a capital first letter, for the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def _range_text(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"between {low:g} and {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


@dataclass(frozen=True, kw_only=True)
class ConversionOptions:
    """Options of one conversion."""

    speaker: str | None = option(None, "speaker to convert to; default: the first one", flags=("-s",))
    speaker_mix: str | None = option(
        None,
        "speakers to blend, with shares, e.g. alto:0.7,tenor:0.3, or a .csv or .json file of shares over time",
    )
    transpose: float = option(0.0, "pitch shift in semitones", flags=("-t",), low=-36, high=36)
    auto_transpose: bool = option(
        False,
        "shift the whole song to the pitch of the voice, by one interval computed from the median pitch of the song "
        "and of the voice's recordings; -t is added to this shift",
    )
    # Whole octaves keep the voice in tune with the music, and half an octave above or below its median is easy for a
    # voice.
    transpose_step: TransposeStep = option(
        "octave",
        "step of --auto-transpose: octaves keep the key of the music, semitones come closer to the voice's pitch",
    )
    auto_predict_f0: bool = option(
        False,
        "predict the pitch from the content instead of using the source's pitch: for speech, not for singing",
        flags=("-a/-na",),
    )
    f0_method: F0Method = option(DEFAULT_F0_METHOD, "pitch estimator for the source", flags=("-fm",))
    autotune: str | None = option(
        None,
        "key to move the notes to, e.g. Am, F# or chromatic, with an optional strength from 0 to 1, e.g. Bb:0.8; auto "
        "detects the song's key; each note keeps its vibrato and its glides",
    )
    vibrato: float = option(
        1.0,
        "depth of the vibrato relative to the source: 0 removes the vibrato, 1 keeps it, 2 doubles it",
        low=0,
        high=4,
    )
    pitch: Path | None = option(None, "JSON file of pitch edits, which move, draw or silence notes")
    formant_shift: float = option(
        0.0,
        "shift of the formants in semitones, without a change of pitch: a positive value sounds like a smaller person, "
        "a negative value like a larger person",
        low=-6,
        high=6,
    )
    loudness_mix: float = option(
        0.0,
        "share of the source's loudness envelope in the result, 0 to 1: 0 keeps the loudness that the voice "
        "generates, 1 gives the loudness of the source at each moment",
        low=0,
        high=1,
    )
    cluster_model_path: Path | None = option(
        None,
        "retrieval file, used only if the retrieval ratio (-r) is above 0: index.safetensors, kmeans.pt, RVC's "
        "added_*.index or so-vits-svc's feature_and_index.pkl; default: the retrieval file in or beside the voice",
        flags=("-k",),
    )
    cluster_infer_ratio: float = option(
        0.0,
        "share of the content that comes from the retrieval file, 0 to 1: a higher share makes the result more like "
        "the speaker but less clear; 0 turns retrieval off",
        flags=("-r",),
        low=0,
        high=1,
    )
    cluster_everywhere: bool = option(
        False, "apply retrieval to unvoiced frames too, which makes consonants less clear"
    )
    shallow_diffusion: bool = option(
        False,
        "refine the result with a diffusion model (-dm) and a vocoder: may sound cleaner if the model was trained on "
        "the voice's recordings, but takes much longer",
        flags=("-shd",),
    )
    diffusion_model_path: Path | None = option(
        None,
        "diffusion model for --shallow-diffusion or --only-diffusion: model_*.pt or its folder; default: the folder "
        "'diffusion' beside the voice",
        flags=("-dm",),
    )
    diffusion_config_path: Path | None = option(
        None,
        "yaml file of the diffusion model; default: config.yaml or diffusion.yaml beside it",
        flags=("-dc",),
    )
    k_step: int | None = option(
        None,
        "noise level, 0 to 1000, from which the diffusion model refines: a higher level changes more and takes longer; "
        "0 applies only the vocoder; default: 100",
        flags=("-ks",),
        low=0,
        high=1000,
    )
    diffusion_method: RefinementMethod | None = option(
        None, "solver of the diffusion model; default: the one in its yaml file, or dpm-solver++"
    )
    speedup: int | None = option(
        None,
        "noise levels that the solver of the diffusion model takes in one step; default: the value in its yaml file, "
        "or 10",
        low=1,
        high=1000,
    )
    only_diffusion: bool = option(
        False,
        "convert with the diffusion model alone, from noise, without the voice's own network; the model must be "
        "trained for all noise levels",
        flags=("-od",),
    )
    second_encoding: bool = option(
        False,
        "give the diffusion model the content of the voice's output instead of the content of the source",
        flags=("-se",),
    )
    enhance: bool = option(
        False,
        "pass the result through a vocoder (so-vits-svc 4.1's enhancer): may help voices that were trained on few "
        "recordings, and may harm good voices",
        flags=("-eh",),
    )
    enhancer_adaptive_key: float = option(
        0.0,
        "number of semitones by which the sound is lowered before the enhancer's vocoder, and raised again after it; "
        "helps with notes above the range of the vocoder",
        flags=("-eak",),
        low=-24,
        high=24,
    )
    vocoder: Path | None = option(
        None,
        "vocoder for --enhance and for diffusion models: an NSF-HiFiGAN or PC-NSF-HiFiGAN file with its config.json "
        "beside it, or their folder; default: pretrain/nsf_hifigan/model",
    )
    noise_scale: float | None = option(
        None,
        "scale of the noise in the latent sample, 0 to 1; 0 uses the mean; default: the default of the voice's "
        "original tool",
        flags=("-n",),
        low=0,
        high=1,
    )
    soften_pauses_db: float | None = option(
        None,
        "noise reduction in the pauses of the source, in dB; affects only voices conditioned on loudness; default: 0 "
        "for voices trained on augmented versions of their clips, 15 for all others",
        low=0,
        high=60,
    )
    silence_db: float = option(
        # In recorded singing, breaths are 30 to 48 dB below the peak, and fade out at 58 dB below the peak. Quieter
        # sound is room noise.
        -60.0,
        "silence threshold, in dB relative to the loudest moment of the source; quieter parts become silence",
        flags=("-db", "--db-thresh"),
        low=-120,
        high=0,
    )
    absolute_silence: bool = option(
        False,
        "make the silence threshold (-db) relative to full scale instead of the loudest moment of the source",
        flags=("-ab/-nab", "--absolute-thresh/--no-absolute-thresh"),
    )
    min_silence_seconds: float = option(
        0.5,
        "shortest silence at which the source is split, in seconds",
        flags=("-ch", "--chunk-seconds"),
        low=0.02,
        high=10,
    )
    pad_seconds: float = option(
        0.5, "context added on both sides of each slice, in seconds", flags=("-p",), low=0, high=10
    )
    max_chunk_seconds: float = option(
        40.0,
        "maximum length of a slice, in seconds; use less if memory runs out; at least 1, or 0 for no limit",
        flags=("-mc",),
        low=0,
        high=600,
    )
    seed: int = option(0, "seed of the random numbers: the same seed gives the same result", low=0)
    mark: bool = option(
        True,
        "mark the sound inaudibly as synthetic; 'svc inspect' detects the mark even after compression and editing; if "
        "off, only the metadata of the file identify the sound as synthetic, and many programs remove metadata",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.speaker is not None and self.speaker_mix is not None:
            raise ConfigError("speaker and speaker_mix exclude each other: choose one of them")
        if self.autotune is not None:
            Autotune.parse(self.autotune)
        if self.auto_predict_f0 and (chosen := self.of_pitch):
            raise ConfigError(f"auto_predict_f0 excludes {' and '.join(chosen)}: the voice would choose another pitch")
        if len(refining := [name for name in _REFINING if getattr(self, name)]) > 1:
            raise ConfigError(f"{' and '.join(refining)} exclude each other: choose one of them")
        if self.only_diffusion and (chosen := [name for name in _OF_A_SYNTHESIZER if getattr(self, name)]):
            raise ConfigError(f"only_diffusion excludes {' and '.join(chosen)}, which need the voice's own network")
        if 0 < self.max_chunk_seconds < 1:
            raise ConfigError(f"max_chunk_seconds must be 0 or at least 1; got {self.max_chunk_seconds:g}")

    @property
    def of_pitch(self) -> list[str]:
        """Names of the given options that need a voice which follows the pitch of the source."""
        return [name for name in _OF_PITCH if getattr(self, name) != getattr(type(self), name)]


_OF_PITCH = ("autotune", "vibrato", "pitch", "formant_shift")
_SINGERS, _PREDICTION = ("speaker", "speaker_mix"), ("auto_predict_f0",)
# Options, each with the options that it excludes.
_REFINING, _OF_A_SYNTHESIZER = ("shallow_diffusion", "only_diffusion", "enhance"), ("auto_predict_f0", "formant_shift")
_EXCLUDING = (
    (_SINGERS, _SINGERS),
    (_OF_PITCH, _PREDICTION),
    (_PREDICTION, _OF_PITCH),
    (_REFINING, _REFINING),
    (("only_diffusion",), _OF_A_SYNTHESIZER),
    (_OF_A_SYNTHESIZER, ("only_diffusion",)),
)
_FILES = ("cluster_model_path", "diffusion_model_path", "diffusion_config_path", "vocoder", "pitch")
# Options that name files of a computer, that change only the use of its memory, or that only a user may decide.
_NOT_OF_A_VOICE = (*_FILES, "max_chunk_seconds", "seed", "mark")
# Options that may have default values in a voice.
VOICE_OPTIONS = tuple(spec.name for spec in fields(ConversionOptions) if spec.name not in _NOT_OF_A_VOICE)


def check_voice_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Check the default options of a voice, and return those that differ from the general default values.

    Raises:
        ConfigError: a value is out of range or has the wrong type, or the option cannot have a default in a
            voice.
    """
    unknown = values.keys() - set(VOICE_OPTIONS)
    if unknown:
        raise ConfigError(
            f"a voice has no default for {', '.join(sorted(unknown))}; it can have: {', '.join(VOICE_OPTIONS)}"
        )
    found = parse_options(ConversionOptions, values)
    if names_a_file(found):
        raise ConfigError(
            "speaker_mix names a file; the defaults of a voice can only contain shares, e.g. alto:0.7,tenor:0.3"
        )
    chosen = {name: getattr(found, name) for name in values}
    usual = ConversionOptions()
    return {name: value for name, value in chosen.items() if value != getattr(usual, name)}


def usable_voice_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usable default options in a voice's file.

    The file may be malicious, or from a newer version with more options.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        try:
            found = check_voice_defaults({**found, name: value})
        except ConfigError:
            continue
    return found


def with_voice_defaults(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given options, completed with the defaults of a voice."""
    usual = {spec.name: spec.default for spec in fields(ConversionOptions)}
    chosen = {name for name, value in given.items() if value not in (None, "", usual.get(name))}
    excluded = {other for group, others in _EXCLUDING for other in others if chosen.intersection(group)}
    return {**{name: value for name, value in defaults.items() if name not in excluded}, **given}


def names_a_file(options: ConversionOptions) -> bool:
    """Return True if the options name a file of this computer."""
    mix_file = Path(options.speaker_mix or "").suffix.lower() in (".csv", ".json")
    return any(getattr(options, name) is not None for name in _FILES) or mix_file


@dataclass(frozen=True, kw_only=True)
class SeparationOptions:
    """Options of `svc separate`."""

    separator: str = option(
        "spleeter",
        "network that extracts the vocals: spleeter (bundled); or bs-roformer, mel-band-roformer, mdx23c, scnet or "
        "htdemucs (slow without a GPU; need the extra 'separation'); or a weights file for a network of one of these "
        "kinds, with its .yaml file beside it",
    )

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class CoverOptions(SeparationOptions):
    """Options of `svc cover`, apart from those of the conversion."""

    transpose_all: float = option(
        0.0,
        "pitch shift of vocals and music in semitones, in addition to -t, which shifts only the vocals; the music is "
        "shifted to the same key by at most 6 semitones, so whole octaves leave it unchanged (needs the extra 'cover')",
        low=-36,
        high=36,
    )
    vocals_db: float = option(0.0, "level of the vocals in dB, relative to the original vocals", low=-60, high=24)
    accompaniment_db: float = option(0.0, "level of the music in dB, relative to the original music", low=-60, high=24)
    reverb: float | None = option(
        None,
        "level of the reverberation relative to the vocals: 0 for none, 1 for the level of the vocals; default: the "
        "reverberation of the original vocals",
        low=0,
        high=1,
    )
    match: bool = option(
        True,
        "match the tone of the vocals and their level over time to the original vocals; if off, match only the mean "
        "level",
    )
    force: bool = option(False, "make a cover even if the song seems to have no vocals")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Options of `svc evaluate`."""

    f0_method: F0Method = option(DEFAULT_F0_METHOD, "pitch estimator for sources and conversions", flags=("-fm",))
    transpose: float | None = option(
        None,
        "pitch shift of the conversions in semitones; default: estimated for each file",
        flags=("-t",),
        low=-36,
        high=36,
    )
    similarity: bool = option(True, "measure speaker similarity (needs Resemblyzer's weights)")
    words: bool = option(
        True, "measure the character error rate of the recognised words (slow; needs the extra 'eval')"
    )
    quality: bool = option(True, "measure sound quality with DNSMOS (needs the extra 'eval')")
    whisper: str | None = option(
        None, "folder of the faster-whisper model that recognises the words; default: a model installed on this machine"
    )
    language: str | None = option(None, "language of the recordings, e.g. en; default: detected for each recording")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class ResampleOptions:
    """Options of `svc pre-resample`."""

    sample_rate: int = option(
        44100, "sample rate of the clips in Hz", flags=("-s", "--sampling-rate"), low=8000, high=192000
    )
    top_db: float = option(
        30.0,
        "threshold for trimming silence from the ends, in dB below the loudest moment of the recording",
        flags=("-d",),
        low=1,
    )
    frame_seconds: float = option(
        1.0, "length of the windows in which trimming measures the level, in seconds", flags=("-f",), low=0.02, high=60
    )
    hop_seconds: float = option(
        0.3,
        "distance between the windows in which trimming measures the level, in seconds",
        flags=("-ho", "-hop"),
        low=0.01,
        high=60,
    )
    max_clip_seconds: float = option(
        # A training step uses a random piece of at most 9 s of a clip, so most of a long clip would rarely be used.
        15.0,
        "maximum length of a clip, in seconds; longer recordings are cut at quiet moments into X_000.wav, X_001.wav, "
        "...; at least 1, or 0 to keep recordings whole",
        flags=("-mc",),
        low=0,
    )

    def __post_init__(self) -> None:
        check_options(self)
        if 0 < self.max_clip_seconds < 1:
            raise ConfigError(f"max_clip_seconds must be 0 or at least 1; got {self.max_clip_seconds:g}")


@dataclass(frozen=True, kw_only=True)
class FeatureOptions:
    """Options of `svc pre-hubert`."""

    f0_method: F0Method = option(DEFAULT_F0_METHOD, "pitch estimator", flags=("-fm",))
    force_rebuild: bool = option(False, "recompute even features that are up to date", flags=("-f/-nf",))

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of one run of a training: where it runs, and when it saves and stops."""

    reset_optimizer: bool = option(False, "resume from the checkpoint, but reset the optimizers", flags=("-r",))
    device: str = option(
        "auto", "device to train on: cpu, cuda, cuda:1, mps, or auto for the fastest available", flags=("-d",)
    )
    devices: int | None = option(
        None,
        "number of processes per machine, one per GPU; default: the number set by torchrun or SLURM, else 1",
        low=1,
    )
    num_nodes: int | None = option(
        None, "number of machines; default: the number set by torchrun or SLURM, else 1", low=1
    )
    max_steps: int | None = option(None, "stop at this step; steps before a resume are counted too", low=1)
    max_minutes: float | None = option(None, "save a checkpoint and stop after this many minutes", low=0.1)
    save_minutes: float | None = option(
        None, "time between checkpoints, in minutes; default: a checkpoint every train.eval_interval steps", low=0.1
    )

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions):
    """Options of `svc train`; all other settings of the training are in `config.json`."""

    from_scratch: bool = option(False, "start with random weights if there is no checkpoint to resume from")
    pretrained_dir: Path | None = option(None, "folder that contains the base weights G_0.pth and D_0.pth")
    epochs: int | None = instead_of("train.epochs")
    batch_size: int | None = instead_of("train.batch_size")


@dataclass(frozen=True, kw_only=True)
class RefinerTrainOptions(RunOptions):
    """Options of `svc train-diff`; all other settings of the training are in `diffusion.yaml`."""

    save_minutes: float | None = option(
        None, "time between checkpoints, in minutes; default: a checkpoint every train.interval_val steps", low=0.1
    )
    epochs: int | None = option(
        None, "total number of passes over the training clips; default: train.epochs of diffusion.yaml", low=1
    )
    batch_size: int | None = option(
        None, "number of clips per batch and process; default: train.batch_size of diffusion.yaml", low=1
    )
    vocoder: Path | None = option(
        None,
        "vocoder for the audio in the log: an NSF-HiFiGAN or PC-NSF-HiFiGAN file with its config.json beside it, or "
        "their folder; default: vocoder.ckpt of diffusion.yaml, if it is there",
    )


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """Options of `svc live`, apart from those of the conversion."""

    input_device: str | None = option(
        None,
        "number of the microphone in svc devices, or a part of its name; default: the system's default input",
        flags=("-i",),
    )
    output_device: str | None = option(
        None,
        "number of the output in svc devices, or a part of its name; default: the system's default output",
        flags=("-o",),
    )
    block_seconds: float | None = option(
        None,
        "length of the blocks that are converted, in seconds: shorter blocks have less delay but need a faster "
        "computer; default: the shortest length that this computer converts in time",
        flags=("-b",),
        low=0.01,
        high=5,
    )
    reserve_seconds: float | None = option(
        None,
        "reserve of converted sound, in seconds, which is played while the next block is converted; a longer reserve "
        "prevents gaps while the computer is busy, but increases the delay; default: computed from the measured speed",
        low=0,
        high=5,
    )
    device_seconds: float = option(
        0.05, "requested delay of each sound device, in seconds; a short delay may cause gaps", low=0.001, high=1
    )
    dry_wet: float = option(
        1.0, "share of the converted voice in the output, 0 to 1; the rest is your own voice", low=0, high=1
    )
    gate_db: float = option(
        -50.0,
        "threshold for your voice, in dBFS; if your voice is softer, the output is silent",
        flags=("-db", "--db-thresh"),
        low=-120,
        high=0,
    )
    passthrough_original: bool = option(
        False, "play your own voice with the delay of the conversion, to test the devices", flags=("-po",)
    )
    force: bool = option(False, "start even if this computer is too slow for the voice; there will be gaps")

    def __post_init__(self) -> None:
        check_options(self)


# Options of a conversion that live conversion has too; the others need the whole recording.
LIVE_CONVERSION = (
    "speaker",
    "speaker_mix",
    "transpose",
    "auto_predict_f0",
    "f0_method",
    "formant_shift",
    "cluster_model_path",
    "cluster_infer_ratio",
    "cluster_everywhere",
    "noise_scale",
    "seed",
    "mark",
)
