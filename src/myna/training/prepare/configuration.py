"""Creation of a voice's configuration, and the split of its clips into training and validation."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna.config import DEFAULT_TEMPLATE, Config
from myna.errors import ConfigError
from myna.storage.path_list import write_list
from myna.training.prepare.clips import ClipFile, find_clips
from myna.training.prepare.refused import list_refused

_VALIDATION_CLIPS = 2  # validation clips of each speaker, as in the predecessors
_CLIPS_FOR_TWO = 5  # speakers with fewer clips have one validation clip
_CLIPS_FOR_ONE = 3  # speakers with fewer clips have one validation clip that is also used for training
# so-vits-svc-fork identifies its content encoders by this key alone.
_FORKS_FINAL_PROJECTION = {"vec256l9": True, "vec768l12": False}


@dataclass(frozen=True)
class ConfigSummary:
    """Facts about a written configuration; the tuples contain lines of text."""

    config: Config
    n_training: int
    n_validation: int
    seconds: float
    backup: Path | None  # copy of the earlier configuration
    notes: tuple[str, ...]
    ignored: tuple[str, ...]  # files and folders that are not clips
    failed: tuple[str, ...]  # clips that cannot be read
    refused: Path | None  # file that lists `failed` and `ignored`


def write_config(
    input_dir: Path,
    filelist_dir: Path,
    config_path: Path,
    *,
    template: str = DEFAULT_TEMPLATE,
    content_encoder: str | None = None,
) -> ConfigSummary:
    """Write the configuration of a voice with the speakers in `input_dir`, and the lists `train.txt` and `val.txt`.

    The same clips always give the same files. Two clips of each speaker are held back for validation, or fewer if the
    speaker has fewer than five. `test.txt` stays empty.

    Args:
        input_dir: folder that contains the clips.
        filelist_dir: folder to which the lists are written.
        config_path: file of the configuration; if it exists and differs, it is renamed, with `.bak` appended.
        template: name of a template, or path of a JSON file.
        content_encoder: content encoder to use instead of the template's.

    Raises:
        AudioError: there are no clips.
        ConfigError: there is no such template or encoder.
    """
    base = Config.template(template)
    plain = {"data": {}, "model": {}} | base.plain()
    if content_encoder is not None:
        _set_content_encoder(plain, content_encoder)
    found = find_clips(input_dir)
    speakers = sorted({clip.speaker for clip in found.clips})

    training: list[ClipFile] = []
    validation: list[ClipFile] = []
    notes = []
    for speaker in speakers:
        clips = [clip for clip in found.clips if clip.speaker == speaker]
        trained, held_back = _split(clips, input_dir)
        training += trained
        validation += held_back
        if held_back[0] in trained:
            notes.append(f"{speaker} has too few clips to hold one back: one is used for training and validation")
    filelist_dir.mkdir(parents=True, exist_ok=True)
    for name, listed in (("train.txt", training), ("val.txt", validation), ("test.txt", [])):
        write_list(filelist_dir / name, [clip.path for clip in listed])

    earlier = _read_earlier(config_path)
    plain["data"]["training_files"] = (filelist_dir / "train.txt").as_posix()
    plain["data"]["validation_files"] = (filelist_dir / "val.txt").as_posix()
    plain["spk"] = _number_speakers(speakers, earlier)
    # Keep the template's 200 speakers: base weights have 200, too, and speakers can be added later.
    plain["model"]["n_speakers"] = max(base.model.n_speakers, len(speakers))
    plain.pop("pitch", None)
    config = Config.parse(plain)
    backup = None
    if earlier is not None and _without_pitch(earlier) == config.plain():
        config = earlier
    else:
        backup = _back_up(config_path)
        config.write(config_path)
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
    )


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

    The choice depends on a hash of each name, so that adding clips changes it little.
    """
    n_held_back = _VALIDATION_CLIPS if len(clips) >= _CLIPS_FOR_TWO else int(len(clips) >= _CLIPS_FOR_ONE)
    shuffled = sorted(clips, key=lambda clip: hashlib.sha256(os.fsencode(_relative(clip, folder))).digest())
    held_back = sorted(shuffled[: max(n_held_back, 1)], key=lambda clip: clip.path)
    trained = [clip for clip in clips if clip not in held_back] if n_held_back else clips
    return trained, held_back


def _relative(clip: ClipFile, folder: Path) -> str:
    return clip.path.relative_to(folder).as_posix()


def _number_speakers(speakers: list[str], earlier: Config | None) -> dict[str, int]:
    """Assign indices from 0 in alphabetical order; speakers of an earlier configuration keep their indices.

    They must keep them because the weights of a partly trained voice identify speakers by index.
    """
    known = earlier.speakers if earlier is not None else {}
    if not (known.keys() <= set(speakers) and sorted(known.values()) == list(range(len(known)))):
        known = {}
    more = [speaker for speaker in speakers if speaker not in known]
    return known | {speaker: index for index, speaker in enumerate(more, start=len(known))}


def _read_earlier(config_path: Path) -> Config | None:
    try:
        return Config.read(config_path)
    except ConfigError:
        return None


def _without_pitch(config: Config) -> dict[str, Any]:
    return {key: value for key, value in config.plain().items() if key != "pitch"}


def _back_up(config_path: Path) -> Path | None:
    """Rename an existing configuration, which a person may have edited, and return its new path."""
    if not config_path.is_file():
        return None
    backup = config_path.with_name(config_path.name + ".bak")
    config_path.replace(backup)
    return backup
