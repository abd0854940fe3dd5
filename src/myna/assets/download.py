"""Download of a file into the Hugging Face hub's cache.

The hub's library restarts an interrupted download from the beginning, and does not check the hash of a file. This
module resumes partial downloads, even after the process was killed, and gives a file its final name in the cache only
after checking its hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from myna.assets import Source, check
from myna.errors import AssetError

_SHA256 = re.compile("[0-9a-f]{64}")


def download(source: Source) -> Path:
    """Download a file and return its path in the cache.

    The file must have the hash of `source` or, if `source` has none, the hash that the hub states. The hub states
    hashes only for large files.

    Raises:
        AssetError: the file is incomplete, or has another size or hash. The file is deleted.
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
    # The hub's library uses the same names and the same lock; its older versions can resume such a file too.
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
                    _receive(url, partial, found.size)  # again as a whole: the earlier part may be damaged
                    check(partial, source, sha256)
            except AssetError:
                partial.unlink(missing_ok=True)
                raise
            partial.replace(blob)
    path = Path(hf_hub_download(source.repo, source.filename, revision=source.revision, repo_type=source.repo_type))
    if not path.is_symlink():  # on a system without symbolic links, the hub's library copies files
        blob.unlink(missing_ok=True)
    return path


def repository(source: Source) -> Path:
    """Return the folder of the repository of `source` in the hub's cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=source.repo, repo_type=source.repo_type)


def arrived(sources: Iterable[Source]) -> int:
    """Return the number of bytes of files in the cache, including partial downloads.

    A partial download is named after the file's hash. If that hash is unknown, all partial downloads of the repository
    are counted.
    """
    total = 0
    for source in sources:
        folder = repository(source)
        pattern = f"{source.sha256 or '*'}.incomplete"
        paths = [*(folder / "blobs").glob(pattern), *folder.glob(f"snapshots/*/{source.filename}")]
        for path in paths:
            with suppress(OSError):  # the file was renamed in the meantime
                total += path.stat().st_size
    return total


def stated_hash(path: Path) -> str | None:
    """Return the SHA-256 that the hub stated when a cached file was downloaded; None for a small file."""
    name = path.resolve().name
    return name if _SHA256.fullmatch(name) else None


def remove(path: Path) -> None:
    """Remove a file, and the content that it links to, from the hub's cache."""
    for place in {path.resolve(), path}:
        place.unlink(missing_ok=True)


def _receive(url: str, partial: Path, size: int | None) -> bool:
    """Download the missing part of a partial file; return True if a part was already there."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    with partial.open("ab", buffering=0) as file:
        if size is not None and file.tell() > size:
            file.truncate(0)
            file.seek(0)
        start = file.tell()
        # Request uncompressed content: in compressed content, byte positions differ from those in the file.
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        http_get(url, file, resume_size=start, headers=headers, expected_size=size)
    return start > 0
