"""Download of a file into the Hugging Face hub's cache.

The hub's library begins an interrupted download again from zero, and gives a file its name in the cache unchecked.
Here, the part that has arrived stays in the cache and is continued, also after the process was killed. The file gets
its name only when its hash is right.
"""

from __future__ import annotations

import re
from pathlib import Path

from myna.assets import Source, check
from myna.errors import AssetError

_SHA256 = re.compile("[0-9a-f]{64}")


def download(source: Source) -> Path:
    """Download a file and return its path in the cache.

    The hash must be that of `source`; if it is None, the one that the hub states for large files.

    Raises:
        AssetError: the hash is wrong. The file is deleted.
        Exception: errors of the hub's library, of its HTTP client and of the disk.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    url = hf_hub_url(source.repo, source.filename, repo_type=source.repo_type, revision=source.revision)
    found = get_hf_file_metadata(url)
    if found.etag is None:
        raise OSError(f"{url} has no ETag")
    sha256 = source.sha256 or (found.etag if _SHA256.fullmatch(found.etag) else None)
    folder = repository(source)
    # The names and the lock of the hub's library: older versions also continue such a file.
    blob, partial = (folder / "blobs" / f"{found.etag}{suffix}" for suffix in ("", ".incomplete"))
    lock = Path(constants.HF_HUB_CACHE) / ".locks" / folder.name / f"{found.etag}.lock"
    for directory in (blob.parent, lock.parent):
        directory.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.exists():
            try:
                resumed = _receive(url, partial, found.size)
                try:
                    check(partial, source, sha256)
                except AssetError:
                    partial.unlink()
                    if not resumed:
                        raise
                    _receive(url, partial, found.size)  # the part may have been damaged
                    check(partial, source, sha256)
            except AssetError:
                partial.unlink(missing_ok=True)
                raise
            partial.replace(blob)
    path = Path(hf_hub_download(source.repo, source.filename, revision=source.revision, repo_type=source.repo_type))
    if not path.is_symlink():  # where the system has no links, the library copies the file
        blob.unlink(missing_ok=True)
    return path


def repository(source: Source) -> Path:
    """Return the folder of a repository in the hub's cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=source.repo, repo_type=source.repo_type)


def stated_hash(path: Path) -> str | None:
    """Return the SHA-256 that the hub stated when it sent a cached file; None for a small file."""
    name = path.resolve().name
    return name if _SHA256.fullmatch(name) else None


def remove(path: Path) -> None:
    """Remove a file from the hub's cache."""
    for place in {path.resolve(), path}:
        place.unlink(missing_ok=True)


def _receive(url: str, partial: Path, size: int | None) -> bool:
    """Append what is missing to a file, and return whether a part of it was there."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    with partial.open("ab", buffering=0) as file:
        if size is not None and file.tell() > size:
            file.truncate(0)
            file.seek(0)
        start = file.tell()
        # Compressed content would have other positions.
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        http_get(url, file, resume_size=start, headers=headers, expected_size=size)
    return start > 0
