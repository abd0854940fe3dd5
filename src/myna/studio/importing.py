"""Import of voices by content: archives are unpacked, and weights, configurations and indexes are sorted into voices.

A file is recognised by its content, not by its name. Files can belong together only if the widths of their content
features are equal. Among these files, names and folders decide. A proposal has a question for the user if several
choices remain, or if the name of an index may be that of another voice.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from myna.assets.voice_names import newest
from myna.errors import ConfigError, MynaError, explain
from myna.studio.installs import index_name, voice_name
from myna.studio.workspace import safe_name

Question = Literal["other_name", "several_configs", "several_indexes", "config_for_many"]
Part = Literal["weights", "config", "retrieval"]  # parts of a voice

# Limit for archives: a voice that can be trained further takes 1.2 GB, and an archive may hold several voices.
MOST_BYTES = 16 * 1024**3
MOST_FILES = 200
_COPIED_BYTES = 1 << 20
_GENERIC = (
    "g",
    "d",
    "model",
    "voice",
    "weights",
    "config",
    "checkpoint",
    "final",
    "best",
)  # names of many voices


class SentFile(NamedTuple):
    """A file that the user sent."""

    id: str
    name: str  # including folders in an archive, separated by "/"
    path: Path


@dataclass(frozen=True)
class Proposal:
    """Files that form a voice, by their ids."""

    weights: str
    config: str | None
    retrieval: str | None
    name: str
    what: str  # kind of voice, for display
    question: Question | None = None  # reason why the user should check the proposal; None if the files belong together
    file: str = ""  # name of the file to which the question refers

    @property
    def sure(self) -> bool:
        return self.question is None

    @property
    def about(self) -> Part | None:
        """Part of the voice to which the question refers."""
        if self.question is None:
            return None
        return "config" if self.question in ("several_configs", "config_for_many") else "retrieval"


@dataclass(frozen=True)
class Recognised:
    """A file that is part of a voice. Parts can belong together if their widths are equal."""

    id: str
    name: str
    part: Part
    width: int  # channels of the content features
    bytes: int


@dataclass(frozen=True)
class LeftOut:
    """A file that belongs to no voice, with a description."""

    file: str
    why: str


@dataclass(frozen=True)
class Review:
    """Voices found among the sent files, all parts of voices among them, and the other files."""

    proposals: list[Proposal] = field(default_factory=list)
    left: list[LeftOut] = field(default_factory=list)
    files: list[Recognised] = field(default_factory=list)


# --- archives --------------------------------------------------------------------------------------------------------


def is_archive(path: Path) -> bool:
    """Return True if a file is a zip archive, but not a PyTorch checkpoint."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return True
    return not any(PurePosixPath(name).name == "data.pkl" for name in names)


def unpack(archive: Path, folder: Path, most_bytes: int = MOST_BYTES) -> Iterator[tuple[str, Path]]:
    """Unpack the files of a zip archive into `folder`, and yield each file's name in the archive and its path.

    Names in the archive do not determine the paths of files: each file gets its own folder and a safe name.

    Raises:
        ConfigError: the archive is damaged or encrypted, contains a link or a path outside its folder, or is too large.
        OSError: a file cannot be written.
    """
    left = most_bytes
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not _is_ignored(entry)]
            if len(entries) > MOST_FILES:
                raise ConfigError(f"{archive.name} has {len(entries)} files; send at most {MOST_FILES} at once")
            for number, entry in enumerate(entries):
                name = _safe_entry(archive, entry)
                target = folder / str(number) / safe_name(PurePosixPath(name).name)
                target.parent.mkdir(parents=True)
                with opened.open(entry) as source, target.open("xb") as file:
                    while block := source.read(_COPIED_BYTES):
                        left -= len(block)  # the sizes stated in the archive may be wrong
                        if left < 0:
                            raise ConfigError(f"{archive.name} is larger than {most_bytes / 1e9:.0f} GB when unpacked")
                        file.write(block)
                yield name, target
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        # zipfile raises RuntimeError for an encrypted file, and NotImplementedError for an unknown compression.
        raise ConfigError(
            f"{archive.name} cannot be unpacked ({error}); unpack it with another program, and send its files"
        ) from error


def _is_ignored(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    return (
        entry.is_dir()
        or any(part.startswith(".") and part not in (".", "..") for part in parts)
        or ("__MACOSX" in parts)
    )


def _safe_entry(archive: Path, entry: zipfile.ZipInfo) -> str:
    name = entry.filename.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or (parts and ":" in parts[0]):
        raise ConfigError(f"{archive.name} contains a path outside its folder ({name}); it is not unpacked")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ConfigError(f"{archive.name} has a link ({name}); it is not unpacked")
    return name


# --- sorting into voices ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Weights:
    file: SentFile
    what: str
    width: int  # channels of the content features
    lacks_config: bool  # whether the file contains no configuration
    must_have_config: bool  # whether the file cannot be opened without a configuration
    has_retrieval: bool
    names: frozenset[str]  # names of the speakers


class _Config(NamedTuple):
    file: SentFile
    width: int
    names: frozenset[str]


class _Retrieval(NamedTuple):
    file: SentFile
    width: int


def review(files: Sequence[SentFile]) -> Review:
    """Recognise files and group them into voices. This loads PyTorch."""
    left: list[LeftOut] = []
    weights: list[_Weights] = []
    configs: list[_Config] = []
    retrievals: list[_Retrieval] = []
    for file in files:
        try:
            what = _recognise(file)
        except Exception as error:
            reason = explain(error)
            if reason is None:
                raise
            left.append(LeftOut(file.name, reason.replace(str(file.path), PurePosixPath(file.name).name)))
            continue
        if isinstance(what, _Weights):
            weights.append(what)
        elif isinstance(what, _Config):
            configs.append(what)
        elif isinstance(what, _Retrieval):
            retrievals.append(what)
        else:
            left.append(LeftOut(file.name, what))
    weights, older = _without_older(weights)
    left += [LeftOut(one.file.name, "an older checkpoint of the same voice") for one in older]
    proposals = []
    used: set[str] = set()
    for one in weights:
        if one.must_have_config and all(config.width != one.width for config in configs):
            left.append(LeftOut(one.file.name, f"a voice of {one.what} without its config.json; send both together"))
            continue
        proposal = Proposal(one.file.id, None, None, _name(one.file), one.what)
        proposal = _with_config(proposal, one, configs, weights)
        if _is_generic(proposal.name):
            singers = one.names or next(
                (found.names for found in configs if found.file.id == proposal.config), frozenset()
            )
            proposal = replace(proposal, name=next(iter(singers)) if len(singers) == 1 else proposal.name)
        proposal = _with_retrieval(proposal, one, retrievals, weights)
        used |= {id for id in (proposal.config, proposal.retrieval) if id is not None}
        proposals.append(proposal)
    why = {"config": "a configuration, but its voice was not sent", "retrieval": "an index, but its voice was not sent"}
    left += [LeftOut(one.file.name, why["config"]) for one in configs if one.file.id not in used]
    left += [LeftOut(one.file.name, why["retrieval"]) for one in retrievals if one.file.id not in used]
    parts: list[tuple[Part, Sequence[_Weights | _Config | _Retrieval]]] = [
        ("weights", weights),
        ("config", configs),
        ("retrieval", retrievals),
    ]
    recognised = [
        Recognised(one.file.id, one.file.name, part, one.width, one.file.path.stat().st_size)
        for part, found in parts
        for one in found
    ]
    return Review(proposals, left, recognised)


def _recognise(file: SentFile) -> _Weights | _Config | _Retrieval | str:
    """Read a file, and return it as a part of a voice, or return a description of any other file."""
    from myna.config import Config
    from myna.retrieval import retrieval_file
    from myna.zoo.opening import open_voice
    from myna.zoo.recognition import NotAVoiceError

    if PurePosixPath(file.name).suffix.lower() == ".json":
        config = Config.read(file.path)
        return _Config(file, config.model.content_channels, frozenset(config.speakers))
    try:
        found = retrieval_file.read(file.path)
        return _Retrieval(file, next(iter(found.vectors.values())).shape[1])
    except MynaError:
        pass  # not a retrieval file
    try:
        opened = open_voice(file.path, None)
    except NotAVoiceError as error:
        return error.what
    except ConfigError:
        return _needing_config(file)
    card = opened.recognised.card
    return _Weights(
        file,
        opened.title,
        opened.config.model.content_channels,
        card is None and opened.recognised.family != "rvc",
        False,
        opened.recognised.retrieval is not None,
        frozenset(opened.config.speakers) if card is not None else frozenset(),
    )


def _needing_config(file: SentFile) -> _Weights | str:
    """Describe the weights of a voice that cannot be opened without a configuration."""
    from myna.zoo.recognition import TITLES, recognise

    found = recognise(file.path)
    (width, *_) = (tensor.shape[1] for name, tensor in found.weights.items() if name == "pre.weight")
    return _Weights(file, TITLES[found.family], width, True, True, False, frozenset())


def _without_older(weights: Sequence[_Weights]) -> tuple[list[_Weights], list[_Weights]]:
    """Separate the newest checkpoint of each training run from its older ones."""
    kept: list[_Weights] = []
    older: list[_Weights] = []
    groups: dict[tuple[str, str], list[_Weights]] = {}
    for one in weights:
        groups.setdefault((_folder(one.file), one.what), []).append(one)
    for group in groups.values():
        names = {PurePosixPath(one.file.name).name: one for one in group}
        chosen = newest(list(names)) if len(names) == len(group) else None
        for one in group:
            (kept if chosen in (None, PurePosixPath(one.file.name).name) else older).append(one)
    return kept, older


def _with_config(
    proposal: Proposal, one: _Weights, configs: Sequence[_Config], all_weights: Sequence[_Weights]
) -> Proposal:
    if not one.lacks_config:
        return proposal
    fitting = [config for config in configs if config.width == one.width]
    if not fitting:
        return proposal
    near = [config for config in fitting if _folder(config.file) == _folder(one.file)]
    candidates = near or fitting
    proposal = replace(proposal, config=candidates[0].file.id, file=candidates[0].file.name)
    if len(candidates) > 1:
        return replace(proposal, question="several_configs")
    rivals = [other for other in all_weights if other.lacks_config and other.width == one.width and other is not one]
    if rivals and (not near or any(_folder(other.file) == _folder(one.file) for other in rivals)):
        return replace(proposal, question="config_for_many")
    return proposal


def _with_retrieval(
    proposal: Proposal, one: _Weights, retrievals: Sequence[_Retrieval], all_weights: Sequence[_Weights]
) -> Proposal:
    if one.has_retrieval:
        return proposal
    fitting = [index for index in retrievals if index.width == one.width]
    named = [index for index in fitting if _plain(index_name(index.file.path)) in _known_names(one, proposal.name)]
    others = [other for other in all_weights if other is not one]
    free = [
        index
        for index in fitting
        if not any(_plain(index_name(index.file.path)) in _known_names(other, _name(other.file)) for other in others)
    ]
    near = [index for index in free if _folder(index.file) == _folder(one.file)]
    candidates = named or near or free
    if not candidates:
        return proposal
    found = candidates[0]
    proposal = replace(proposal, retrieval=found.file.id)
    if len(candidates) > 1:
        return replace(proposal, question="several_indexes", file=found.file.name)
    is_alone = len([other for other in all_weights if other.width == one.width]) == 1
    says_nothing = _plain(index_name(found.file.path)) in _GENERIC_INDEXES
    if not named and not (is_alone and (says_nothing or _folder(found.file) == _folder(one.file) != "")):
        return replace(proposal, question="other_name", file=found.file.name)
    return proposal


# Names that programs give to the index of every voice.
_GENERIC_INDEXES = frozenset(("index", "kmeans", "kmeans10000", "featureandindex"))


def _known_names(one: _Weights, name: str) -> set[str]:
    return {_plain(text) for text in (name, voice_name(PurePosixPath(one.file.name).stem), *one.names)}


def _name(file: SentFile) -> str:
    """Return a name for a voice: the name of its file or, for names in `_GENERIC`, of its folder."""
    path = PurePosixPath(file.name)
    stem = voice_name(path.stem)
    if _is_generic(stem) and path.parent.name not in ("", "44k", "logs", "weights"):
        return path.parent.name
    return stem


def _is_generic(name: str) -> bool:
    return _plain(name).rstrip("0123456789") in _GENERIC


def _folder(file: SentFile) -> str:
    folder = PurePosixPath(file.name).parent.as_posix()
    return "" if folder == "." else folder


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def remove(folder: Path) -> None:
    """Delete a folder of unpacked files."""
    shutil.rmtree(folder, ignore_errors=True)
