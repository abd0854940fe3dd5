"""C2PA manifests ("Content Credentials"): signed statements in a file about its origin.

Manifests need the extra 'provenance'. A signature proves only that a file has not changed since it was signed. No known
authority certifies the key of this installation, so other programs report an unknown signer.

The C2PA library opens no network connection: it requests no time stamp, and does not fetch manifests or certificates
from addresses in a file.
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

SUFFIXES = (".wav", ".flac", ".mp3")  # those formats of ours in which the library can store a manifest
# The library holds two copies of a file in memory. This limit is 20 minutes of a stereo .wav.
_MOST_BYTES = 200_000_000
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    # Size from which the library's buffers are temporary files; its default of 512 MB would double its memory use.
    "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 4},
}

# "own" and "valid": the file is unchanged since this installation ("own") or an unknown signer ("valid") signed it.
State = Literal["own", "valid", "invalid", "unreadable", "too large", "no library"]


def can_sign() -> bool:
    """Return True if the extra is installed, without importing it."""
    return find_spec("c2pa") is not None


def add_manifest(path: Path, description: str, source: Path | None = None) -> None:
    """Sign a converted file without changing its sound, and keep the manifest of its source as an ingredient.

    Nothing happens if the extra is not installed, or the format stores no manifest. If signing fails, a warning is
    logged and the file stays as it was.

    Args:
        path: the file.
        description: description of the conversion, for people.
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
        # Run the library in another thread. In the main thread, Ctrl-C could raise its exception while the library
        # calls a Python function to read bytes, and ctypes would discard the exception. The pool waits for the other
        # thread before the exception continues.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_sign, path, signed, description, source).result()
        signed.replace(path)
    except (c2pa.C2paError, OSError, ValueError) as error:
        _warn(path, str(error))
    finally:
        signed.unlink(missing_ok=True)


def validation_state(path: Path) -> State:
    """Verify the manifest of a file, and return its state."""
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
    """Create the identity of this installation if needed; return False if it cannot be stored."""
    try:
        make_identity()
    except OSError as error:
        _warn_without_key(str(error))
        return False
    return True


@cache  # one warning for all files
def _warn_without_key(reason: str) -> None:
    _log.warning("files get no Content Credentials, because there is no key: %s", reason)


def _context() -> Any:
    """Return settings of the library, whose only known signer is this installation, if it has an identity."""
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
    """Copy the manifests of a recording, valid or not; those that the library cannot read are left out."""
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
