"""Sound files in folders: one set of suffixes and one rule for hidden files, for all that searches a folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

# Suffixes searched for in a folder. A file that is named directly is read whatever its suffix.
AUDIO_SUFFIXES = frozenset(
    (
        *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"),
        *(".m4a", ".aac", ".mp4", ".webm", ".mka", ".mkv", ".mov", ".wma", ".ac3", ".amr", ".3gp", ".wv", ".ape"),
    )
)


def find_recordings(folder: Path, *, recursive: bool = True, suffixes: Collection[str] = AUDIO_SUFFIXES) -> list[Path]:
    """Sound files in `folder`, sorted by path; none if the folder does not exist.

    Args:
        folder: to search. Hidden files, and files in hidden folders below it, are left out.
        recursive: also search all folders below.
        suffixes: in lower case; the case of a file's own suffix does not matter.
    """
    return [path for path in visible_files(folder, recursive=recursive) if path.suffix.lower() in suffixes]


def is_recording(path: Path) -> bool:
    """True if the name is that of a sound file which `find_recordings` would return; the file is not opened."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not is_hidden(path.name)


def visible_files(folder: Path, *, recursive: bool = True) -> list[Path]:
    """Files in `folder`, sorted by path, without hidden files and folders; none if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in (folder.rglob("*") if recursive else folder.iterdir())
        if path.is_file() and not any(is_hidden(part) for part in path.relative_to(folder).parts)
    )


def visible_folders(folder: Path) -> list[Path]:
    """Folders directly in `folder`, sorted, without hidden ones; none if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def is_hidden(name: str) -> bool:
    """True for names that systems create, not people: .DS_Store, ._take.wav, __MACOSX, Thumbs.db."""
    return name.startswith((".", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")
