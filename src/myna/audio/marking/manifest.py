"""C2PA manifests ("Content Credentials"): signed statements in a file about its origin.

They need the extra 'provenance'. A signature proves only that a file has not changed since it was signed. The key
belongs to this installation and is certified by no known authority, so other programs report an unknown signer.

The library of C2PA opens no connection: it asks no authority for a time stamp, and does not fetch the manifests and
certificates that a file names by their address.
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from myna.audio.marking.identity import make_identity, read_identity
from myna.audio.marking.tags import SOURCE_TYPE, manifest_types
from myna.text import printable

_log = logging.getLogger(__name__)

SUFFIXES = (".wav", ".flac", ".mp3")  # those of our formats in which the library can store a manifest
# The library keeps a file in memory twice. This is 20 minutes of a .wav with two channels.
_MOST_BYTES = 200_000_000
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    # From this size on, its buffers are temporary files; the default of 512 MB would double its memory use.
    "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 4},
}

# "own" and "valid": the file is as this installation, or an unknown signer, has signed it.
State = Literal["own", "valid", "invalid", "unreadable", "too large", "no library"]


def can_sign() -> bool:
    """Return whether the extra is installed; nothing is imported."""
    return find_spec("c2pa") is not None


def add_manifest(path: Path, description: str, source: Path | None = None) -> None:
    """Sign a converted file, without any change of its sound. The manifest of the source is kept as an ingredient.

    Nothing happens if the extra is not installed, or the format stores no manifest. If signing fails, a warning is
    logged and the file stays as it was.

    Args:
        path: the file.
        description: what was done, for people.
        source: recording that was converted; None for live conversion.
    """
    if path.suffix.lower() not in SUFFIXES or not can_sign() or not _has_identity():
        return
    if path.stat().st_size > _MOST_BYTES:
        _warn(path, f"it has more than {_MOST_BYTES / 1e6:.0f} MB")
        return
    import c2pa

    signed = path.with_name("signed")
    try:
        # Ctrl-C raises an exception in the main thread. If the library ran there, this could happen while it calls a
        # Python function to read bytes, and ctypes would discard the exception. So the library runs in another thread,
        # for whose end the pool waits before the exception continues.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_sign, path, signed, description, source).result()
        signed.replace(path)
    except (c2pa.C2paError, OSError, ValueError) as error:
        _warn(path, str(error))
    finally:
        signed.unlink(missing_ok=True)


def validation_state(path: Path) -> State:
    """Verify the manifest of a file that contains one."""
    if not can_sign():
        return "no library"
    if path.stat().st_size > _MOST_BYTES:
        return "too large"
    import c2pa

    try:
        with (
            _context() as context,
            path.open("rb") as file,
            c2pa.Reader(path.suffix[1:].lower(), file, None, context) as reader,
        ):
            state = reader.get_validation_state()
    except (c2pa.C2paError, OSError):
        return "unreadable"
    states: dict[str | None, State] = {"Trusted": "own", "Valid": "valid", "Invalid": "invalid"}
    return states.get(state, "unreadable")


def _warn(path: Path, reason: str) -> None:
    _log.warning("%s has no Content Credentials, because signing failed: %s", path.name, printable(reason))


def _has_identity() -> bool:
    """Make the identity of this installation if needed; return false if the identity cannot be stored."""
    try:
        make_identity()
    except OSError as error:
        _warn_without_key(str(error))
        return False
    return True


@cache  # one warning, not one for every file
def _warn_without_key(reason: str) -> None:
    _log.warning("files get no Content Credentials, because there is no key: %s", reason)


def _context() -> Any:
    """Return settings of the library; the identity of this installation, if there is one, is the only known signer."""
    import c2pa

    try:
        trust = {"user_anchors": read_identity().authority.decode()}
    except (OSError, ValueError):
        trust = {}
    return c2pa.Context.from_dict({**_OFFLINE, "trust": trust})


def _sign(path: Path, signed: Path, description: str, source: Path | None) -> None:
    import c2pa

    own = read_identity()
    info = c2pa.C2paSignerInfo(b"es256", own.certificate + own.authority, own.key, None)
    with (
        _context() as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(_manifest(description), context) as builder,
    ):
        if source is not None and manifest_types(source) is not None:
            _add_ingredient(builder, source)
        with path.open("rb") as file, signed.open("w+b") as target:
            builder.sign(signer, path.suffix[1:].lower(), file, target)


def _add_ingredient(builder: Any, source: Path) -> None:
    """Copy the manifests of a recording, whether they are valid or not; what the library cannot read is left out."""
    import c2pa

    if source.stat().st_size > _MOST_BYTES:
        return
    ingredient = {"title": "the recording that was converted", "relationship": "inputTo"}
    try:
        with source.open("rb") as file:
            builder.add_ingredient(json.dumps(ingredient), source.suffix[1:].lower(), file)
    except c2pa.C2paError as error:
        _log.warning("the Content Credentials of %s cannot be kept: %s", source.name, printable(str(error)))


def _manifest(description: str) -> str:
    program = {"name": "myna", "version": version("myna")}
    action = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": program,
        "description": description,
    }
    assertions = [{"label": "c2pa.actions", "data": {"actions": [action]}}]
    return json.dumps({"claim_generator_info": [program], "title": "converted voice", "assertions": assertions})
