"""Voices in repositories of the Hugging Face hub; downloaded voices can be used without a network.

An address is `hf://owner/name`, optionally followed by `@revision` and `/path/to/file`. Downloads are pinned: a branch
is resolved to a commit, and a file must have the SHA-256 that the hub states. A file with a different hash is deleted.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from myna.assets import Source, fetch_pinned, fetch_reason
from myna.assets.voice_names import SIDE_FILES, is_generator, newest
from myna.errors import AssetError
from myna.progress import Progress, silent

_ADDRESS = re.compile(r"hf:/{1,2}(\w[\w.-]*/\w[\w.-]*)(?:@([\w./-]+?))?(?:/(.+))?")
_SHOWN = 12
_WATCH_SECONDS = 0.2


@dataclass(frozen=True)
class Address:
    """Address of a repository on the hub, with a revision and, optionally, a file or folder in the repository."""

    repo: str
    revision: str = "main"
    file: str | None = None

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"hf://{self.repo}{revision}{f'/{self.file}' if self.file else ''}"


@dataclass(frozen=True)
class HubVoice:
    """Downloaded files of a voice, and their commit."""

    weights: Path
    config: Path | None
    side_files: tuple[Path, ...]
    commit: str


def parse_address(text: Path | str) -> Address | None:
    """Parse an address; return None if `text` is not one. `text` may be a `Path`, which turns `//` into `/`."""
    match = _ADDRESS.fullmatch(str(text))
    return Address(match[1], match[2] or "main", match[3]) if match else None


def read_address(text: str) -> Address:
    """Parse an address that a user typed; `owner/name` without `hf://` is also accepted.

    Raises:
        AssetError: `text` is not an address.
    """
    address = parse_address(text if text.startswith("hf:") else f"hf://{text}")
    if address is None:
        raise AssetError(f"{text!r} is not a repository: write owner/name, or hf://owner/name/path/to/weights")
    return address


@cache
def fetch_voice(address: Address, files: tuple[str, ...] = (), progress: Progress = silent) -> HubVoice:
    """Download a voice: its weights, its configuration, the indexes and centroids beside the weights, and `files`.

    Args:
        address: address of a repository, or of a folder or weights file in it.
        files: additional files of the repository.
        progress: receives the number of downloaded megabytes.

    Raises:
        AssetError: the repository or file does not exist, the repository contains several voices, there is no network,
            or a hash differs from the hub's.
    """
    known = _files(address)
    weights = _choose(address, list(known.hashes))
    config = _beside(weights, "config.json", known.hashes)
    side = [name for name in known.hashes if SIDE_FILES.fullmatch(name) and _folder(name) == _folder(weights)]
    missing = [name for name in files if name not in known.hashes]
    if missing:
        raise AssetError(f"{address} has no {', '.join(missing)}; it has {_listed(list(known.hashes))}")
    wanted = dict.fromkeys([weights, *side, *files, *([config] if config else [])])
    with _watched(address, sum(known.sizes.get(name) or 0 for name in wanted), progress):
        fetched = {name: _fetch(address, name, known) for name in wanted}
    return HubVoice(
        fetched[weights],
        fetched[config] if config else None,
        tuple(fetched[name] for name in [*side, *files]),
        known.commit,
    )


def cached_voices() -> dict[Address, Path]:
    """Return the weights files of the voices in the hub's cache on this machine, by address."""
    return {
        Address(repo.repo_id, file=name): path
        for repo in _cached_repos()
        for revision in repo.revisions
        for name, path in _names(revision).items()
        if is_generator(name)
    }


def forget(repo: str) -> None:
    """Remove all revisions of a repository from the hub's cache on this machine.

    Raises:
        AssetError: the repository is not in the cache.
    """
    for folder in cache_folders(repo):
        shutil.rmtree(folder)
    fetch_voice.cache_clear()


def cache_folders(repo: str) -> list[Path]:
    """Return the folders of a repository in the hub's cache on this machine.

    Raises:
        AssetError: the repository is not in the cache.
    """
    # The hub's library deletes by commit, and would therefore also delete this commit from copies of the repository.
    folders = [Path(one.repo_path) for one in _cached_repos() if one.repo_id == repo]
    if not folders:
        raise AssetError(f"{repo} is not in the hub's cache on this machine")
    return folders


@dataclass(frozen=True)
class _Files:
    """Files of a repository at one commit."""

    commit: str
    hashes: dict[str, str | None]  # SHA-256 by path; None for small files and cached files, whose hash is not stated
    sizes: dict[str, int | None] = field(default_factory=dict)  # size in bytes by path


def _files(address: Address) -> _Files:
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return _cached_files(address, "HF_HUB_OFFLINE is set")
    try:
        info = HfApi().model_info(address.repo, revision=address.revision, files_metadata=True)
    except Exception as error:  # errors of the library or of its HTTP client
        return _cached_files(address, fetch_reason(error))
    siblings = info.siblings or []
    return _Files(
        info.sha or address.revision,
        {one.rfilename: one.lfs.sha256 if one.lfs else None for one in siblings},
        {one.rfilename: one.size for one in siblings},
    )


def _cached_files(address: Address, reason: str) -> _Files:
    """Return the repository's cached files at the requested revision; for "main", at the latest cached revision."""
    revisions = [
        revision
        for repo in _cached_repos()
        if repo.repo_id == address.repo
        for revision in repo.revisions
        if address.revision in ("main", revision.commit_hash, *revision.refs)
    ]
    if not revisions:
        raise AssetError(f"{address} is unavailable: {reason}")
    newest = max(revisions, key=lambda revision: revision.last_modified)
    return _Files(newest.commit_hash, dict.fromkeys(_names(newest)))


def _cached_repos() -> list[Any]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    return sorted((repo for repo in repos if repo.repo_type == "model"), key=lambda repo: str(repo.repo_id))


def _names(revision: Any) -> dict[str, Path]:
    """Return the files of a cached revision, by their path in the repository."""
    return {file.file_path.relative_to(revision.snapshot_path).as_posix(): file.file_path for file in revision.files}


def _choose(address: Address, names: Sequence[str]) -> str:
    """Return the path of the weights file in the repository: the one in the address, or else the newest generator."""
    if address.file is not None:
        if address.file in names:
            return address.file
        inside = [name for name in names if name.startswith(f"{address.file.rstrip('/')}/")]
        if not inside:
            raise AssetError(f"{address} is not there; the repository has {_listed(names)}")
        names = inside
    generators = [name for name in names if is_generator(name)]
    folders = {_folder(name) for name in generators}
    if len(folders) > 1:
        raise AssetError(f"{address} contains several voices; name one of {_listed(generators)}")
    if not generators:
        raise AssetError(f"{address} contains no voice in a known format; it has {_listed(names)}")
    if (found := newest(generators)) is None:
        raise AssetError(f"{address} contains several voices; name one of {_listed(generators)}")
    return found


def _beside(name: str, other: str, names: Sequence[str] | dict[str, str | None]) -> str | None:
    """Return the path of the file `other` beside `name` or in the nearest folder above; None if there is none."""
    for folder in PurePosixPath(name).parents:
        if (candidate := (folder / other).as_posix()) in names:
            return candidate
    return None


def _folder(name: str) -> str:
    return PurePosixPath(name).parent.as_posix()


def _fetch(address: Address, name: str, known: _Files) -> Path:
    return fetch_pinned(Source(address.repo, name, known.commit, sha256=known.hashes.get(name)))


@contextmanager
def _watched(address: Address, n_bytes: int, progress: Progress) -> Iterator[None]:
    """Report the number of downloaded megabytes of a repository while the `with` block runs.

    The downloaded files are measured, because the hub's library shows progress only on terminals, and its other
    interfaces for progress change between versions.
    """
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{address.repo.replace('/', '--')}" / "blobs"
    before, over = _folder_bytes(folder, whole=True), threading.Event()

    def arriving() -> Iterator[int]:
        reported, ended = 0, False
        while not ended:
            ended = over.wait(_WATCH_SECONDS)
            there = (_folder_bytes(folder) - before) // 1_000_000
            yield from range(reported, there)
            reported = max(reported, there)

    def watch() -> None:
        for _ in progress(arriving(), title=address.repo, total=n_bytes // 1_000_000, unit="MB"):
            pass

    thread = threading.Thread(target=watch, daemon=True)
    if progress is not silent:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if progress is not silent:
            thread.join()


def _folder_bytes(folder: Path, *, whole: bool = False) -> int:
    """Return the total size of a folder's files in bytes; if `whole`, without partial downloads."""
    sizes = []
    for path in folder.glob("*"):
        with suppress(OSError):  # the file was renamed in the meantime
            sizes.append(0 if whole and path.suffix == ".incomplete" else path.stat().st_size)
    return sum(sizes)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) or "nothing"
    return shown if len(names) <= _SHOWN else f"{shown}, and {len(names) - _SHOWN} more"
