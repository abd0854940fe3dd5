"""Look after voices: add, fetch from the hub, pack, and make graphs of ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from myna.apps.gui.jobs import Report
from myna.assets.hub import Address, fetch_voice
from myna.onnx.export import export as export_voice
from myna.retrieval.speakers import find_retrieval, read_retrieval
from myna.studio.voices import Library, LibraryVoice
from myna.studio.workspace import Workspace
from myna.voice import find_weights
from myna.zoo.opening import OpenedVoice, open_voice


def add(report: Report, *, workspace: Workspace, files: Sequence[Path], name: str) -> str:
    """Take a voice into the library; what it is called there."""
    return Library(workspace).add(files, name).name


def download(report: Report, *, address: Address) -> str:
    """Fetch a voice from the hub; what the library calls it."""
    # Whoever asks again wants what the hub has now, and not what this process has once seen there.
    fetch_voice.cache_clear()
    voice = fetch_voice(address, (), report)
    inside = voice.weights.parts[voice.weights.parts.index(voice.commit) + 1 :]
    return str(Address(address.repo, file="/".join(inside)))


def pack(
    report: Report, *, voice: LibraryVoice, path: Path, half: bool, release: bool, index: bool, words: dict[str, str]
) -> list[Path]:
    """Write a voice as one file, with the index or the cluster model that it has, if `index` says so.

    Args:
        words: licence, author and cover.
    """
    opened = _open(voice)
    found = find_retrieval(opened.path) if index else None
    timbre = read_retrieval(found, opened.config) if found is not None else None
    path.parent.mkdir(parents=True, exist_ok=True)
    opened.pack(path, half=half, release=release, retrieval=timbre, **words)
    return [path]


def export(report: Report, *, voice: LibraryVoice, path: Path) -> list[Path]:
    """Write a voice as a graph of ONNX, and its content encoder as another where it is ours."""
    opened = _open(voice)
    path.parent.mkdir(parents=True, exist_ok=True)
    return export_voice(opened, path).paths


def _open(voice: LibraryVoice) -> OpenedVoice:
    return open_voice(find_weights(voice.path), voice.config)
