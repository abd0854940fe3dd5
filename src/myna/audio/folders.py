"""Search for audio files in folders: the suffixes of recordings, and the rule for hidden files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from myna.text import printable

# Suffixes of the files that a search finds. A file that the user names may have any suffix.
AUDIO_SUFFIXES = frozenset(
    (
        *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"),
        *(".m4a", ".aac", ".mp4", ".webm", ".mka", ".mkv", ".mov", ".wma", ".ac3", ".amr", ".3gp", ".wv", ".ape"),
        *(".m4b", ".m4v", ".avi", ".flv", ".wmv", ".mpg", ".mpeg", ".ogv", ".mp2", ".tta"),
    )
)


def find_recordings(folder: Path, *, recursive: bool = True, suffixes: Collection[str] = AUDIO_SUFFIXES) -> list[Path]:
    """Return the audio files in `folder`, sorted by path; the list is empty if the folder does not exist.

    Args:
        folder: folder to search. Hidden files, and files in hidden folders below it, are left out.
        recursive: also search all folders below it.
        suffixes: suffixes of audio files in lower case, compared without regard to case.
    """
    return [path for path in visible_files(folder, recursive=recursive) if path.suffix.lower() in suffixes]


def is_recording(path: Path) -> bool:
    """Return True if `find_recordings` would find a file with this name; the file is not opened."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not is_hidden(path.name)


def visible_files(folder: Path, *, recursive: bool = True) -> list[Path]:
    """Return the files in `folder` that are not hidden or in a hidden folder, sorted; none if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in (folder.rglob("*") if recursive else folder.iterdir())
        if path.is_file() and not any(is_hidden(part) for part in path.relative_to(folder).parts)
    )


def visible_folders(folder: Path) -> list[Path]:
    """Return the folders directly in `folder` that are not hidden, sorted; empty if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def speaker_name(folder: Path) -> str:
    """Return the name of the speaker whose recordings are in `folder`: the name of the folder, as printable text.

    Names of speakers are stored in configurations, which other programs read.
    """
    return printable(folder.name)


def is_hidden(name: str) -> bool:
    """Return True for names of files that systems create: .DS_Store, ._take.wav, __MACOSX, Thumbs.db."""
    return name.startswith((".", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")
