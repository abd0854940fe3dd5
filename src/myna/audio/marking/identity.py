"""Signing key of this installation, and its certificates.

The key is stored only in one file, which only the file's owner can read. Every signed file contains the certificates.
They name neither a person nor a computer.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from myna.storage.atomic import replacing

_VALID_YEARS = 20
_PEM_BLOCK = re.compile(rb"-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----\n")


@dataclass(frozen=True)
class Identity:
    """A private key, its certificate, and the certificate of the authority that signed it, in PEM."""

    key: bytes
    certificate: bytes
    authority: bytes


def identity_path() -> Path:
    """Return the path of the file with the key and the certificates of this installation."""
    folder = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME")
    return Path(folder or Path.home() / ".config") / "myna" / "identity" / "signing.pem"


def read_identity() -> Identity:
    """Return the identity of this installation.

    Raises:
        OSError: the file of the identity is missing or cannot be read.
        ValueError: the file is damaged.
    """
    path = identity_path()
    blocks = _PEM_BLOCK.findall(path.read_bytes())
    if len(blocks) != 3:
        raise ValueError(f"{path} is damaged; remove it, so that a new key is made")
    return Identity(*blocks)


def make_identity() -> None:
    """Create the identity of this installation, if there is none.

    Raises:
        OSError: the identity cannot be stored.
    """
    path = identity_path()
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)  # before the key exists, so that nobody else can open the key
    with replacing(path) as temporary:
        temporary.write_bytes(_new_identity())
    path.chmod(0o600)


def _new_identity() -> bytes:
    """Create a key, and a certificate for it that is signed by a new authority; the authority's key is discarded.

    C2PA accepts no self-signed certificates.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificates = (_certificate(key.public_key(), authority), _certificate(authority.public_key(), authority))
    return b"".join([private, *(certificate.public_bytes(pem) for certificate in certificates)])


def _certificate(public_key: Any, authority: Any) -> Any:
    """Return a certificate for `public_key`, signed by `authority`; both may be the same key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    is_authority = public_key == authority.public_key()
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("authority" if is_authority else "installation of myna"))
        .issuer_name(_name("authority"))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _VALID_YEARS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(_usage(is_authority), critical=True)
    )
    if not is_authority:
        purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION]  # one of the purposes that C2PA accepts
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(authority, hashes.SHA256())


def _name(common_name: str) -> Any:
    from cryptography.x509 import Name, NameAttribute, NameOID

    attributes = NameAttribute(NameOID.ORGANIZATION_NAME, "myna"), NameAttribute(NameOID.COMMON_NAME, common_name)
    return Name(attributes)


def _usage(is_authority: bool) -> Any:
    from cryptography.x509 import KeyUsage

    return KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
