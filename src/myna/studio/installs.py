"""Folders of voices, for example of RVC or so-vits-svc, that are used without copying the voices.

The list of folders is a file in the workspace. No file in the folders is opened or changed here.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from myna.assets.voice_names import SIDE_FILES, is_generator, newest, newest_checkpoint
from myna.audio.folders import visible_folders
from myna.errors import ConfigError
from myna.storage.atomic import write_text
from myna.studio.workspace import Workspace

_LIST = "voice-folders.json"
_CONFIG = "config.json"
# Places of voices in the folders of other programs; `*` is the folder of one voice. RVC and Applio keep finished voices
# in the first four places, and indexes in `logs` and `assets/indices`.
_VOICE_PLACES = (".", "weights", "assets/weights", "models", "*", "models/*", "logs/*", "logs/weights")
_INDEX_PLACES = ("logs/*", "assets/indices", "assets/indexes", "indices")
_CONFIG_PLACES = ("configs/{name}/config.json", "configs/config.json")
_INITIAL = re.compile(r"[GD]_?0*\.pth", re.IGNORECASE)  # initial weights of a training run
_CHECKPOINT = re.compile(r"G_?\d+\.pth", re.IGNORECASE)
_INDEX = re.compile(r"(?:added|trained)_IVF\d+_Flat_nprobe_\d+_(.+?)(?:_v\d)?\.index", re.IGNORECASE)
_TRAINING_NUMBERS = re.compile(r"_\d+e(_\d+s)?$|_e\d+(_s\d+)?$", re.IGNORECASE)
_MOST_VOICES = 500


@dataclass(frozen=True)
class InstalledVoice:
    """Files of a voice in a folder of another program."""

    name: str
    weights: Path
    config: Path | None
    retrieval: Path | None


def folders(workspace: Workspace) -> list[Path]:
    """Return the folders that the user added, in the order of adding."""
    try:
        found = json.loads((workspace.folder / _LIST).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(path) for path in found if isinstance(path, str)] if isinstance(found, list) else []


def add_folder(workspace: Workspace, folder: Path) -> list[InstalledVoice]:
    """Add a folder to the list, and return its voices.

    Raises:
        ConfigError: the folder does not exist, contains no voice, or is the workspace.
    """
    folder = folder.expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}; give its whole path")
    folder = folder.resolve()
    if folder.is_relative_to(workspace.folder) or workspace.folder.is_relative_to(folder):
        raise ConfigError(f"the voices in {folder} are here already")
    found = find_voices(folder)
    if not found:
        raise ConfigError(f"there are no voices in {folder}, neither .pth, .safetensors nor .onnx files")
    _write(workspace, dict.fromkeys([*folders(workspace), folder]))
    return found


def remove_folder(workspace: Workspace, folder: Path) -> None:
    """Remove a folder from the list; its files are kept.

    Raises:
        ConfigError: the folder is not in the list.
    """
    known = folders(workspace)
    if folder not in known:
        raise ConfigError(f"{folder} is not in the list of folders")
    _write(workspace, [one for one in known if one != folder])


def find_voices(folder: Path) -> list[InstalledVoice]:
    """Find the voices in a folder by file names; only the newest checkpoint of each training run counts as a voice."""
    indexes = [path for place in _INDEX_PLACES for path in _files(folder, place) if SIDE_FILES.fullmatch(path.name)]
    found: dict[Path, InstalledVoice] = {}
    for place in _VOICE_PLACES:
        for parent in _folders(folder, place):
            for weights in _voices_in(parent):
                if weights not in found and len(found) < _MOST_VOICES:
                    found[weights] = _voice(folder, weights, indexes)
    return list(found.values())


def _voices_in(folder: Path) -> Iterator[Path]:
    """Yield the finished voices of a folder or, if there are none, the newest checkpoint of a training run."""
    names = [path.name for path in _direct(folder) if is_generator(path.name) or path.name.endswith(".onnx")]
    names = [name for name in names if not _INITIAL.fullmatch(name)]
    ready = [name for name in names if not _CHECKPOINT.fullmatch(name)]
    by_voice: dict[str, list[str]] = defaultdict(list)
    for name in ready:
        by_voice[voice_name(Path(name).stem).casefold()].append(name)
    for own in by_voice.values():
        chosen = newest(own)
        yield from (folder / name for name in ([chosen] if chosen is not None else own))
    if not ready and (checkpoint := newest_checkpoint(names)) is not None:
        yield folder / checkpoint


def _voice(root: Path, weights: Path, indexes: Iterable[Path]) -> InstalledVoice:
    parent = weights.parent
    is_checkpoint = _CHECKPOINT.fullmatch(weights.name) is not None
    folder_name = root.name if parent in (root, root / "logs" / "44k") else parent.name
    name = folder_name if is_checkpoint else voice_name(weights.stem)
    places = [parent / _CONFIG]
    if is_checkpoint:  # a checkpoint of so-vits-svc, whose configuration is in another folder
        places += [root / place.format(name=parent.name) for place in _CONFIG_PLACES]
    beside = [path for path in _direct(parent) if SIDE_FILES.fullmatch(path.name)]
    return InstalledVoice(
        name,
        weights,
        next((path for path in places if path.is_file()), None),
        matching_index(name, beside) or (beside[0] if len(beside) == 1 else None) or matching_index(name, indexes),
    )


def matching_index(name: str, indexes: Iterable[Path]) -> Path | None:
    """Return the retrieval file that has the voice's name, in its own name or (RVC) its folder's; None without one."""
    wanted = _plain(name)
    for path in indexes:
        if wanted in (_plain(index_name(path)), _plain(path.parent.name)):
            return path
    return None


def index_name(path: Path) -> str:
    """Return the voice's name in the name of an index from RVC; for other indexes, the name without suffix."""
    match = _INDEX.fullmatch(path.name)
    return match[1] if match else path.stem


def voice_name(stem: str) -> str:
    """Return a voice's name from its file name, without RVC's numbers of epochs and steps."""
    return _TRAINING_NUMBERS.sub("", stem) or stem


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _folders(root: Path, place: str) -> list[Path]:
    """Return the folders that match a place, for example `logs/*`."""
    parent, _, last = place.rpartition("/")
    if last != "*":
        return [root / place] if (root / place).is_dir() else []
    return visible_folders(root / parent) if (root / parent).is_dir() else []


def _files(root: Path, place: str) -> list[Path]:
    return [path for folder in _folders(root, place) for path in _direct(folder)]


def _direct(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError:  # the folder may not be readable
        return []


def _write(workspace: Workspace, paths: Iterable[Path]) -> None:
    write_text(workspace.folder / _LIST, json.dumps([str(path) for path in paths], indent=2))
