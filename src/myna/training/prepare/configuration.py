"""Creation of a voice's configuration, and the split of its clips into training and validation."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, get_args

from myna.config import DEFAULT_TEMPLATE, Config, TemplateName
from myna.errors import ConfigError
from myna.storage.atomic import replacing_together
from myna.storage.lock import locked
from myna.storage.path_list import list_content
from myna.training.prepare.clips import ClipFile, find_clips
from myna.training.prepare.refused import list_refused
from myna.training.trained import trained_config
from myna.zoo.diffusion import CONFIG_NAME, REFINER_FOLDER, Kind, RefinerConfig

_VALIDATION_CLIPS = 2  # validation clips of each speaker, as in the predecessors
_CLIPS_FOR_TWO = 5  # speakers with fewer clips have one validation clip
_CLIPS_FOR_ONE = 3  # speakers with fewer clips have one validation clip, which is also used for training
# Values of `contentvec_final_proj`, so-vits-svc-fork's only key for the content encoder.
_FORKS_FINAL_PROJECTION = {"vec256l9": True, "vec768l12": False}


@dataclass(frozen=True)
class ConfigSummary:
    """Facts about a written configuration; the tuples contain lines of text."""

    config: Config
    n_training: int
    n_validation: int
    seconds: float
    backup: Path | None  # copy of the earlier configuration, if its settings were replaced
    notes: tuple[str, ...]
    ignored: tuple[str, ...]  # files and folders that are not clips
    failed: tuple[str, ...]  # clips that cannot be read
    refused: Path | None  # file that lists `failed` and `ignored`
    refiner: Path | None = None  # configuration of a refiner, if one was asked for


def write_config(
    input_dir: Path,
    filelist_dir: Path,
    config_path: Path,
    *,
    template: str | Config | None = None,
    content_encoder: str | None = None,
    trained_in: Path | None = None,
    refiner: Kind | None = None,
) -> ConfigSummary:
    """Write the configuration of a voice for the speakers in `input_dir`, and the lists `train.txt` and `val.txt`.

    The same clips are always split in the same way: two clips of each speaker are used for validation, or one if the
    speaker has fewer than five. An empty `test.txt` is written too. Speakers keep the numbers that they have in the
    voice in `trained_in` or in the earlier configuration. Trained speakers stay in the configuration even if they have
    no clips now.

    Args:
        input_dir: folder that contains the clips.
        filelist_dir: folder to which the lists are written.
        config_path: path of the configuration. If settings in an existing file are replaced, a copy of the file is
            kept, with .bak appended to its name.
        template: template of the configuration. None keeps the earlier configuration; if there is none, the trained
            voice's configuration is used, or else the default template. The name of a template keeps an earlier
            configuration of the same kind. The path of a JSON file, or a `Config`, replaces the earlier configuration.
        content_encoder: content encoder to use instead of the template's.
        trained_in: folder of the voice's checkpoints.
        refiner: kind of the refiner for which `diffusion.yaml` is written beside the configuration. The settings of an
            existing file are kept, except those that follow from the voice.

    Raises:
        AudioError: the folder contains no clips.
        BusyError: another process is changing the clips.
        ConfigError: there is no such template or encoder, or a configuration cannot be read.
        OSError: a file cannot be written; no file is changed.
    """
    trained = trained_config(trained_in) if trained_in is not None else None
    earlier = _read_earlier(config_path, must_be_valid=template is None)
    base, notes = _base(template, earlier, trained)
    plain = {"data": {}, "model": {}} | base.plain()
    if content_encoder is not None:
        _set_content_encoder(plain, content_encoder)
    with locked(input_dir, shared=True):
        found = find_clips(input_dir)
    speakers = sorted({clip.speaker for clip in found.clips})

    training: list[ClipFile] = []
    validation: list[ClipFile] = []
    for speaker in speakers:
        clips = [clip for clip in found.clips if clip.speaker == speaker]
        of_speaker, held_back = _split(clips, input_dir)
        training += of_speaker
        validation += held_back
        if held_back[0] in of_speaker:
            notes.append(f"{speaker} has too few clips to hold one back: one is used for training and validation")

    plain["data"]["training_files"] = (filelist_dir / "train.txt").as_posix()
    plain["data"]["validation_files"] = (filelist_dir / "val.txt").as_posix()
    numbers = plain["spk"] = _number_speakers(speakers, earlier, trained)
    # Keep the template's 200 speakers: the base weights have 200 too, and speakers can be added later.
    plain["model"]["n_speakers"] = max(base.model.n_speakers, 1 + max(numbers.values(), default=0))
    plain.pop("pitch", None)
    pitch = _known_pitch(numbers, trained, earlier)
    if pitch or (earlier is not None and "pitch" in earlier.model_fields_set):
        plain["pitch"] = pitch
    config = Config.parse(plain)
    notes += _notes_on_trained(config, speakers, trained, trained_in)

    files = {
        filelist_dir / name: list_content(clip.path for clip in listed)
        for name, listed in (("train.txt", training), ("val.txt", validation), ("test.txt", []))
    }
    backup = None
    if earlier is None or earlier.plain() != config.plain():
        files[config_path] = config.text().encode()
        if config_path.is_file() and (earlier is None or _settings(earlier) != _settings(config)):
            backup = _unused_backup(config_path)
            files[backup] = config_path.read_bytes()
    refiner_path = None
    if refiner is not None:
        refiner_path = config_path.with_name(CONFIG_NAME)
        if refiner_path.is_file():
            settings = RefinerConfig.read(refiner_path)
        else:
            settings = RefinerConfig.template(refiner, None if trained_in is None else trained_in / REFINER_FOLDER)
        files[refiner_path] = settings.of_kind(refiner).with_voice(config).text().encode()
    for folder in {path.parent for path in files}:
        folder.mkdir(parents=True, exist_ok=True)
    with replacing_together(*files) as temporaries:
        for temporary, content in zip(temporaries, files.values(), strict=True):
            temporary.write_bytes(content)
    return ConfigSummary(
        config=config,
        n_training=len(training),
        n_validation=len(validation),
        seconds=sum(clip.seconds for clip in found.clips),
        backup=backup,
        notes=tuple(notes),
        ignored=found.ignored,
        failed=found.failed,
        refused=list_refused(input_dir, "pre-config", found.failed, found.ignored),
        refiner=refiner_path,
    )


def _base(template: str | Config | None, earlier: Config | None, trained: Config | None) -> tuple[Config, list[str]]:
    """Return the configuration to start from, and notes on its settings that differ from the template."""
    if isinstance(template, Config):
        return template, []
    if template is None:
        return earlier or trained or Config.template(DEFAULT_TEMPLATE), []
    wanted = Config.template(template)
    if earlier is None:
        return wanted, []
    kind = earlier.kind
    same = kind == template if kind is not None else earlier.same_network(wanted, any_encoder=True)
    if same and template in get_args(TemplateName):
        kept = _differences(earlier, wanted)
        return earlier, [f"kept from the previous configuration: {', '.join(kept)}"] if kept else []
    before = wanted if same else Config.template(kind) if kind is not None else None
    edits = _differences(earlier, before) if before is not None else []
    notes = [] if same else [f"the kind of voice changes from {kind or 'another one'} to {template}"]
    if edits:
        notes.append(f"settings of the previous configuration that are not kept: {', '.join(edits)}")
    return wanted, notes


def _differences(config: Config, template: Config) -> list[str]:
    """Describe the settings of a configuration that differ from a template, for example settings edited by hand."""
    own, others = (_settings(one) for one in (config, template))
    return [
        f"{section}.{key} {json.dumps(own[section].get(key))} (template: {json.dumps(others[section].get(key))})"
        for section in ("train", "data", "model")
        for key in own[section] | others[section]
        if own[section].get(key) != others[section].get(key)
    ]


def _settings(config: Config) -> dict[str, Any]:
    """Return the settings by section, without those derived from the clips."""
    plain: dict[str, Any] = {"train": {}, "data": {}, "model": {}} | config.plain()
    ignored = {"data": {"training_files", "validation_files"}, "model": {"n_speakers"}}
    return {
        section: {key: value for key, value in values.items() if key not in ignored.get(section, ())}
        for section, values in plain.items()
        if section not in ("spk", "pitch") and isinstance(values, dict)
    }


def _set_content_encoder(plain: dict[str, Any], name: str) -> None:
    """Set the content encoder and its number of channels; all other sizes of the network stay the same."""
    from myna.features.content import CONTENT_ENCODERS

    if name not in CONTENT_ENCODERS:
        raise ConfigError(f"no content encoder {name!r}; there are: {', '.join(CONTENT_ENCODERS)}")
    if name == "contentvec":  # so-vits-svc's names contain the width and the layer
        name = "vec768l12"
    if name != Config.parse(plain).content_encoder:
        plain["train"].pop("base_weights", None)  # these fit only the template's encoder
    plain["model"] |= {"speech_encoder": name, "ssl_dim": CONTENT_ENCODERS[name].channels}
    plain["data"].pop("contentvec_final_proj", None)
    if name in _FORKS_FINAL_PROJECTION:
        plain["data"]["contentvec_final_proj"] = _FORKS_FINAL_PROJECTION[name]


def _split(clips: list[ClipFile], folder: Path) -> tuple[list[ClipFile], list[ClipFile]]:
    """Split a speaker's clips into training and validation clips.

    The split depends on a hash of each clip's path, so that it changes little when clips are added.
    """
    n_held_back = _VALIDATION_CLIPS if len(clips) >= _CLIPS_FOR_TWO else int(len(clips) >= _CLIPS_FOR_ONE)
    shuffled = sorted(clips, key=lambda clip: hashlib.sha256(os.fsencode(_relative(clip, folder))).digest())
    held_back = sorted(shuffled[: max(n_held_back, 1)], key=lambda clip: clip.path)
    trained = [clip for clip in clips if clip not in held_back] if n_held_back else clips
    return trained, held_back


def _relative(clip: ClipFile, folder: Path) -> str:
    return clip.path.relative_to(folder).as_posix()


def _number_speakers(speakers: list[str], earlier: Config | None, trained: Config | None) -> dict[str, int]:
    """Return the numbers of all speakers with clips and of all trained speakers, in ascending order.

    The weights identify speakers by number, so a speaker keeps the number in the trained voice or, otherwise, in the
    earlier configuration. New speakers get the lowest free numbers in alphabetical order.
    """
    numbers = {name: row for name, row in (trained.speakers if trained is not None else {}).items() if row >= 0}
    for name, row in (earlier.speakers if earlier is not None else {}).items():
        if name in speakers and name not in numbers and row >= 0 and row not in numbers.values():
            numbers[name] = row
    free = (row for row in count() if row not in numbers.values())
    for name in speakers:
        if name not in numbers:
            numbers[name] = next(free)
    return dict(sorted(numbers.items(), key=lambda item: item[1]))


def _known_pitch(numbers: dict[str, int], *configs: Config | None) -> dict[str, Any]:
    """Return the known pitch ranges of the speakers in `numbers`; later configurations take precedence."""
    known: dict[str, Any] = {}
    for config in configs:
        known |= config.plain().get("pitch", {}) if config is not None else {}
    return {name: pitch for name, pitch in known.items() if name in numbers}


def _notes_on_trained(config: Config, speakers: list[str], trained: Config | None, folder: Path | None) -> list[str]:
    if trained is None or folder is None:
        return []
    absent = [name for name in trained.speakers if name not in speakers]
    notes = [
        f"{name} was trained in {folder} and has no clips now; the voice keeps {name} as speaker "
        f"{trained.speakers[name]}"
        for name in absent
    ]
    if not config.same_network(trained):
        notes.append(f"{folder} holds a voice of another kind; train this one in another folder: svc train -m")
    elif absent and len(absent) == len(trained.speakers):
        notes.append(
            f"for a voice of {', '.join(speakers)} alone, use another folder: "
            f"svc train -m {folder.with_name(speakers[0])}"
        )
    return notes


def _read_earlier(config_path: Path, *, must_be_valid: bool) -> Config | None:
    """Read the configuration to be replaced; return None if there is none.

    If the configuration is invalid, raise `ConfigError` if `must_be_valid` is true, otherwise return None.
    """
    if not config_path.exists():
        return None
    try:
        return Config.read(config_path)
    except ConfigError as error:
        if must_be_valid:
            raise ConfigError(
                f"{error}; correct it, or choose the kind of voice with -t: then a copy of it is kept"
            ) from error
        return None


def _unused_backup(config_path: Path) -> Path:
    """Return an unused path for a copy of the configuration: config.json.bak, config.json.bak2, and so on."""
    names = (f"{config_path.name}.bak{number}" for number in chain([""], count(2)))
    return next(path for path in map(config_path.with_name, names) if not path.exists())
