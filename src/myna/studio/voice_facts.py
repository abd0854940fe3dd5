"""Facts about the voices of the library, read once from their files and kept in the workspace's cache.

The facts of a voice are stored under a fingerprint of its files: their names, sizes and times. Thus lists of voices are
shown at once, and renamed voices keep their facts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from myna.assets.voice_names import SIDE_FILES, is_generator
from myna.config import PitchRange
from myna.errors import BusyError, explain
from myna.layout import CONFIG
from myna.options import usable_voice_defaults
from myna.storage.atomic import write_text
from myna.storage.records import read_record
from myna.studio.voices import LibraryVoice, Origin
from myna.studio.workspace import Workspace

if TYPE_CHECKING:
    from myna.zoo.inspection import Inspection
    from myna.zoo.opening import OpenedVoice


class VoiceFacts(BaseModel):
    """Facts about a voice. For unusable files, only `problem` and sometimes `kind` are set."""

    model_config = ConfigDict(frozen=True)

    format: Literal[3] = 3  # a higher number makes this version read stored voices again
    problem: str | None = None  # reason why the voice cannot be used; None if it can
    kind: str = ""  # for display, for example "RVC v2"
    family: str = ""
    version: str | None = None
    content_encoder: str | None = None
    speakers: list[str] = []
    n_speakers: int | None = None
    sample_rate: int | None = None  # Hz
    pitch: dict[str, PitchRange] = {}  # pitch of each speaker's recordings
    follows_loudness: bool = False  # whether the voice is conditioned on loudness
    follows_pitch: bool = True  # whether the voice is conditioned on pitch
    predicts_pitch: bool = False
    has_latent: bool = False  # whether the synthesizer samples a latent variable
    step: int | None = None
    epoch: int | None = None
    author: str | None = None
    licence: str | None = None
    cover: str | None = None
    defaults: dict[str, Any] = {}  # default options in the voice's own file
    retrieval: bool = False  # whether there is an index or centroids
    vocoder: bool = False  # whether the voice is packed together with a vocoder
    is_graph: bool = False  # whether it is an exported voice (an ONNX graph)
    suspicious: list[str] = []

    def pitch_of(self, speaker: str | None) -> PitchRange | None:
        """Return the pitch of a speaker, by default the first one; None if unknown."""
        return self.pitch.get(speaker or next(iter(self.speakers), ""))


def files_of(voice: LibraryVoice) -> list[Path]:
    """List the files of a voice: weights, configuration and retrieval data, but not the user's notes."""
    if voice.origin is Origin.TRAINING:
        # Older checkpoints are not used, and do not affect the facts.
        found = [path for path in _beside(voice.path) if is_generator(path.name)][-1:]
        return [*found, *(path for path in _beside(voice.path) if not is_generator(path.name))]
    folder = voice.path if voice.path.is_dir() else voice.path.parent
    weights = [voice.path] if voice.path.is_file() else [path for path in _beside(folder) if is_generator(path.name)]
    others = [path for path in (voice.config, voice.retrieval) if path is not None]
    if voice.origin is not Origin.FOUND or voice.retrieval is None:
        others += [path for path in _beside(folder) if not is_generator(path.name)]
    return list(dict.fromkeys([*weights, *others]))


def size_of(voice: LibraryVoice) -> int:
    """Return the size of a voice's files in bytes."""
    return sum(path.stat().st_size for path in files_of(voice) if path.is_file())


def fingerprint(voice: LibraryVoice) -> str:
    """Return a hash of the names, sizes and times of a voice's files."""
    stats = [(path.name, status.st_size, status.st_mtime_ns) for path, status in _stats(voice)]
    return hashlib.sha256(json.dumps(stats).encode()).hexdigest()[:32]


def read_facts(workspace: Workspace, voice: LibraryVoice) -> VoiceFacts | None:
    """Read the stored facts about a voice; return None if it was not inspected since its last change."""
    return read_record(VoiceFacts, _path(workspace, fingerprint(voice)))


def inspect(workspace: Workspace, voice: LibraryVoice) -> VoiceFacts:
    """Read the files of a voice, and store the facts. This loads PyTorch.

    Raises:
        BusyError: the voice was moved or changed while its files were read; nothing is stored.
    """
    mark = fingerprint(voice)
    facts = _read(voice)
    if fingerprint(voice) != mark:
        raise BusyError(f"the voice {voice.name} was changed while its files were read; try again")
    path = _path(workspace, mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, facts.model_dump_json())
    return facts


def test_clip(workspace: Workspace, voice: LibraryVoice, defaults: dict[str, Any]) -> Path:
    """Return the path of a voice's test clip for these default options; the file may not exist."""
    name = hashlib.sha256(json.dumps([fingerprint(voice), defaults], sort_keys=True).encode()).hexdigest()[:32]
    return workspace.cache / "tests" / f"{name}.flac"


def _read(voice: LibraryVoice) -> VoiceFacts:
    from myna.retrieval.speakers import find_retrieval
    from myna.voice import find_weights
    from myna.zoo.inspection import inspect_opened
    from myna.zoo.opening import open_voice

    try:
        weights = find_weights(voice.path)
        opened = open_voice(weights, voice.config)
        found = inspect_opened(opened)
        has_retrieval = voice.retrieval is not None or find_retrieval(weights) is not None
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        # Name the voice in the message, because the user does not know the paths of its files.
        return VoiceFacts(problem=reason.replace(f"{voice.path}", voice.path.name))
    return _facts(opened, found, has_retrieval)


def _facts(opened: OpenedVoice, found: Inspection, has_retrieval: bool) -> VoiceFacts:
    config, card = opened.config, opened.recognised.card
    return VoiceFacts(
        problem=None if found.sings else found.suspicious[-1],
        kind=" ".join(filter(None, (opened.title, found.version if opened.recognised.family == "rvc" else None))),
        family=opened.recognised.family,
        version=found.version,
        content_encoder=config.content_encoder,
        speakers=found.speakers,
        n_speakers=found.n_speakers,
        sample_rate=found.sample_rate,
        pitch=dict(config.pitch),
        follows_loudness=bool(config.model.loudness_embedding),
        follows_pitch=config.model.follows_pitch,
        predicts_pitch=bool(config.model.predict_f0),
        has_latent=config.model.synthesizer != "direct",
        step=found.step,
        epoch=found.iteration,
        author=found.author,
        licence=found.licence,
        cover=found.cover,
        defaults=usable_voice_defaults(card.defaults) if card is not None else {},
        retrieval=has_retrieval,
        vocoder="vocoder" in opened.recognised.parts,
        is_graph=opened.recognised.graph is not None,
        suspicious=found.suspicious,
    )


def _path(workspace: Workspace, mark: str) -> Path:
    return workspace.cache / "voices" / f"{mark}.json"


def _stats(voice: LibraryVoice) -> Iterator[tuple[Path, os.stat_result]]:
    for path in files_of(voice):
        with suppress(OSError):
            yield path, path.stat()


def _beside(folder: Path) -> list[Path]:
    """List the weights, the configuration and the retrieval files in a folder; checkpoints are sorted by number."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    kept = [path for path in found if _is_of_a_voice(path.name)]
    return sorted(kept, key=lambda path: (len(path.name), path.name))


def _is_of_a_voice(name: str) -> bool:
    return is_generator(name) or name.endswith(".onnx") or name == CONFIG.name or SIDE_FILES.fullmatch(name) is not None
