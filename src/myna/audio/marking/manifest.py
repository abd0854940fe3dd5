"""C2PA manifests ("Content Credentials"): signed statements in a file about its origin.

They need the extra 'provenance'. The signature proves only that a file is as this installation has written it. Its key
is made here and certified by nobody, so other programs call the signer unknown.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from myna.audio.marking.tags import SOURCE_TYPE, manifest_types
from myna.storage.atomic import replacing

_log = logging.getLogger(__name__)

SUFFIXES = (".wav", ".flac", ".mp3")  # formats of ours in which the library can store a manifest
_VALID_YEARS = 20


def can_sign() -> bool:
    """Return whether the extra is installed; nothing is imported."""
    return find_spec("c2pa") is not None


def add_manifest(path: Path, description: str, source: Path) -> None:
    """Sign a converted file, without any change of its sound. A manifest of the source is kept as an ingredient.

    Nothing happens if the extra is not installed, or the format stores no manifest. If signing fails, a warning is
    logged and the file stays as it was.

    Args:
        path: the file.
        description: what was done, for people.
        source: recording that was converted.
    """
    if path.suffix.lower() not in SUFFIXES or not can_sign():
        return
    import c2pa

    try:
        signed = path.with_name(f"signed{path.suffix}")
        _sign(path, signed, description, source)
        signed.replace(path)
    except (c2pa.C2paError, OSError, ValueError) as error:
        _log.warning("%s has no Content Credentials, because signing failed: %s", path.name, error)


def validation_state(path: Path) -> str | None:
    """Verify the manifest of a file.

    Returns:
        "Trusted", "Valid" (the file is as it was signed, by an unknown signer) or "Invalid"; None if the extra is not
        installed or the manifest cannot be read.
    """
    if not can_sign():
        return None
    import c2pa

    try:
        with path.open("rb") as file, c2pa.Reader(path.suffix[1:].lower(), file) as reader:
            state = reader.get_validation_state()
            return None if state is None else str(state)
    except c2pa.C2paError:
        return None


def identity_path() -> Path:
    """Return the path of the file with this installation's key and certificates."""
    folder = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME")
    return Path(folder or Path.home() / ".config") / "myna" / "identity" / "signing.pem"


def _sign(path: Path, signed: Path, description: str, source: Path) -> None:
    import c2pa

    kind = path.suffix[1:].lower()
    key, _, certificates = _identity().partition(b"-----BEGIN CERTIFICATE-----")
    info = c2pa.C2paSignerInfo(b"es256", b"-----BEGIN CERTIFICATE-----" + certificates, key, None)
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_manifest(description)) as builder:
        if manifest_types(source) is not None:
            with source.open("rb") as file:
                ingredient = {"title": "the recording that was converted", "relationship": "inputTo"}
                builder.add_ingredient(json.dumps(ingredient), source.suffix[1:].lower(), file)
        with path.open("rb") as file, signed.open("w+b") as target:
            builder.sign(signer, kind, file, target)


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


def _identity() -> bytes:
    """Return the key and the certificates of this installation in PEM; they are made when first needed."""
    path = identity_path()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)  # before the key exists, so that nobody else can open it in the meantime
        with replacing(path) as temporary:
            temporary.write_bytes(_new_identity())
        path.chmod(0o600)
    return path.read_bytes()


def _new_identity() -> bytes:
    """Make a key, and a certificate for it from an authority whose own key is thrown away.

    C2PA accepts no certificate that is signed with its own key.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificates = (_certificate(key.public_key(), authority), _certificate(authority.public_key(), authority))
    return b"".join([private, *(certificate.public_bytes(pem) for certificate in certificates)])


def _certificate(public_key: Any, authority: Any) -> Any:
    """Return a certificate for a key; it is that of the authority itself if the key is the authority's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    is_authority = public_key == authority.public_key()
    now = datetime.now(UTC)
    # Names of people and computers stay out of files that are passed on.
    names = {
        known: x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "myna"),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority" if known else "installation of myna"),
            ]
        )
        for known in (False, True)
    }
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    usage |= {"key_cert_sign": True, "crl_sign": True} if is_authority else {"digital_signature": True}
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[is_authority])
        .issuer_name(names[True])
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _VALID_YEARS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    if not is_authority:
        purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION]  # one of those that C2PA accepts
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(authority, hashes.SHA256())
