"""Voices in repositories of the Hugging Face hub: found, fetched once, and found again without a network.

An address is `hf://owner/name`, with `@revision` after the name and `/path/to/file` after that where they are wanted.
What is fetched is pinned: the branch is resolved to a commit, and a file must have the SHA-256 that the hub states.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from myna.assets import check_hash, check_whole, fetch_reason
from myna.errors import AssetError

_ADDRESS = re.compile(r"hf:/{1,2}(\w[\w.-]*/\w[\w.-]*)(?:@([\w./-]+?))?(?:/(.+))?")
_GENERATOR = re.compile(r"G_?(\d+)?.*\.pth", re.IGNORECASE)
_DISCRIMINATOR = re.compile(r"D_?\d*\.pth", re.IGNORECASE)
# What a voice may need besides its weights and configuration: clusters and retrieval indices.
_SIDE_FILES = re.compile(r".*(kmeans.*\.pt|\.index|feature_and_index\.pkl|index\.safetensors)", re.IGNORECASE)
_SHOWN = 12


@dataclass(frozen=True)
class Address:
    """A repository of the hub, and perhaps a revision and a file in it."""

    repo: str
    revision: str = "main"
    file: str | None = None

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"hf://{self.repo}{revision}{f'/{self.file}' if self.file else ''}"


@dataclass(frozen=True)
class HubVoice:
    """The files of one voice on this machine."""

    weights: Path
    config: Path | None
    side_files: tuple[Path, ...]
    commit: str


def parse_address(text: Path | str) -> Address | None:
    """The address that `text` spells; None where it is something else. Paths have lost one of the two slashes."""
    match = _ADDRESS.fullmatch(str(text))
    return Address(match[1], match[2] or "main", match[3]) if match else None


@cache
def fetch_voice(address: Address, files: tuple[str, ...] = ()) -> HubVoice:
    """Fetch a voice: its weights, its configuration, and what it may need besides.

    Args:
        address: of the repository, or of the weights in it.
        files: of the repository, fetched as well.

    Raises:
        AssetError: there is no such repository or file, several voices to choose from, no network, or a file that is
            not what the hub says.
    """
    known = _files(address)
    weights = _choose(address, list(known.hashes))
    config = _beside(weights, "config.json", known.hashes)
    side = [name for name in known.hashes if _SIDE_FILES.fullmatch(name) and _folder(name) == _folder(weights)]
    missing = [name for name in files if name not in known.hashes]
    if missing:
        raise AssetError(f"{address} has no {', '.join(missing)}; it has {_listed(list(known.hashes))}")
    fetched = {name: _fetch(address, name, known) for name in dict.fromkeys([weights, *side, *files])}
    return HubVoice(
        fetched[weights],
        _fetch(address, config, known) if config else None,
        tuple(fetched[name] for name in [*side, *files]),
        known.commit,
    )


def cached_voices() -> dict[Address, Path]:
    """The weights of voices in the hub's cache on this machine, by address."""
    return {
        Address(repo.repo_id, file=name): path
        for repo in _cached_repos()
        for revision in repo.revisions
        for name, path in _names(revision).items()
        if _is_generator(name)
    }


@dataclass(frozen=True)
class _Files:
    """What a commit of a repository holds."""

    commit: str
    hashes: dict[str, str | None]  # by path; None where the hub states none: of small files


def _files(address: Address) -> _Files:
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return _cached_files(address, "HF_HUB_OFFLINE is set")
    try:
        info = HfApi().model_info(address.repo, revision=address.revision, files_metadata=True)
    except Exception as error:  # its own errors, or those of its HTTP client
        return _cached_files(address, fetch_reason(error))
    siblings = info.siblings or []
    return _Files(
        info.sha or address.revision, {one.rfilename: one.lfs.sha256 if one.lfs else None for one in siblings}
    )


def _cached_files(address: Address, reason: str) -> _Files:
    """What of the repository is on this machine, at the revision that was asked for or used last."""
    revisions = [
        revision
        for repo in _cached_repos()
        if repo.repo_id == address.repo
        for revision in repo.revisions
        if address.revision in ("main", revision.commit_hash, *revision.refs)
    ]
    if not revisions:
        raise AssetError(f"{address} cannot be had: {reason}")
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
    """The files of a cached revision by their path in the repository."""
    return {file.file_path.relative_to(revision.snapshot_path).as_posix(): file.file_path for file in revision.files}


def _choose(address: Address, names: Sequence[str]) -> str:
    """The file of the weights."""
    if address.file is not None:
        if address.file in names:
            return address.file
        inside = [name for name in names if name.startswith(f"{address.file.rstrip('/')}/")]
        if not inside:
            raise AssetError(f"{address} is not there; the repository has {_listed(names)}")
        names = inside
    generators = [name for name in names if _is_generator(name)]
    folders = {_folder(name) for name in generators}
    if len(folders) > 1:
        raise AssetError(f"{address} holds several voices; name one of {_listed(generators)}")
    if not generators:
        raise AssetError(f"{address} holds no voice that is known here; it has {_listed(names)}")
    if len(generators) > 1 and not all(_number(name) is not None for name in generators):
        raise AssetError(f"{address} holds several voices; name one of {_listed(generators)}")
    return max(generators, key=lambda name: _number(name) or 0)


def _is_generator(name: str) -> bool:
    last = PurePosixPath(name).name
    if _SIDE_FILES.fullmatch(last) or _DISCRIMINATOR.fullmatch(last):
        return False
    return last.endswith(".pth") or (last.endswith(".safetensors") and last != "model.safetensors")


def _number(name: str) -> int | None:
    match = _GENERATOR.fullmatch(PurePosixPath(name).name)
    return int(match[1]) if match and match[1] else None


def _beside(name: str, other: str, names: Sequence[str] | dict[str, str | None]) -> str | None:
    """The file `other` in the folder of `name`, or in the nearest folder above it."""
    for folder in PurePosixPath(name).parents:
        if (candidate := (folder / other).as_posix()) in names:
            return candidate
    return None


def _folder(name: str) -> str:
    return PurePosixPath(name).parent.as_posix()


def _fetch(address: Address, name: str, known: _Files) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(address.repo, name, revision=known.commit))
    except Exception as error:  # its own errors, those of its HTTP client, those of the disk
        raise AssetError(f"hf://{address.repo}/{name} cannot be fetched: {fetch_reason(error)}") from error
    check_whole(path)
    check_hash(path, known.hashes.get(name))
    return path


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) or "nothing"
    return shown if len(names) <= _SHOWN else f"{shown}, and {len(names) - _SHOWN} more"
