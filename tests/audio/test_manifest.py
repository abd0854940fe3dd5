"""Manifests of converted files: their sound and tags stay the same, and a change after signing is noticed."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myna.audio.io import Picture, Tags, Writer, info, read, read_picture
from myna.audio.marking import manifest
from myna.audio.marking.identity import identity_path, make_identity, read_identity
from myna.audio.marking.manifest import SUFFIXES, add_manifest, can_sign, validation_state
from myna.audio.marking.tags import SOURCE_TYPE, manifest_types, statements

RATE = 16000
TAGS = Tags(title="노래 ☃", artist="Ánna", date="2026-08-02", track_number="3/12", comment="converted with myna")
PICTURE = Picture(b"\xff\xd8\xff\xe0" + bytes(5000) + b"\xff\xd9", "mjpeg", 0, 0)
needs_extra = pytest.mark.skipif(not can_sign(), reason="needs the extra 'provenance'")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", str(tmp_path / "settings"))
    manifest._has_identity.cache_clear()


def write(path: Path, seconds: float = 1.0, picture: Picture | None = None) -> Path:
    with Writer(path, RATE, tags=TAGS, picture=picture) as writer:
        writer.write(np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32))
    return path


def manifests(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the manifest of a file, and all manifests in it."""
    import c2pa

    with path.open("rb") as file, c2pa.Reader(path.suffix[1:], file) as reader:
        content = json.loads(reader.json())
    return content["manifests"][content["active_manifest"]], content["manifests"]


@needs_extra
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signed_file_has_the_same_sound_tags_and_picture(suffix: str, tmp_path: Path) -> None:
    path, source = write(tmp_path / f"signed{suffix}", picture=PICTURE), write(tmp_path / "song.wav")
    before, tags, picture = read(path)[0], info(path).tags, read_picture(path)
    add_manifest(path, "converted with myna; voice: joe", source)
    np.testing.assert_array_equal(read(path)[0], before)
    assert info(path).tags == tags and statements(path) == [tags.comment]
    assert read_picture(path) == picture and (picture is None) == (suffix == ".wav")
    assert manifest_types(path) == ["trainedAlgorithmicMedia"]
    assert validation_state(path) == "own"
    assert sorted(tmp_path.glob("s*.*")) == sorted({path, source})


@needs_extra
def test_the_manifest_says_what_was_done(tmp_path: Path) -> None:
    path = write(tmp_path / "sung.wav")
    add_manifest(path, "converted with myna; voice: 하나", path)
    (own,) = manifests(path)[1].values()
    (action,) = own["assertions"][0]["data"]["actions"]
    assert action["action"] == "c2pa.created" and action["digitalSourceType"] == SOURCE_TYPE
    assert action["description"] == "converted with myna; voice: 하나" and action["softwareAgent"]["name"] == "myna"


@needs_extra
def test_a_change_after_signing_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "sung.wav")
    add_manifest(path, "converted", path)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    assert validation_state(path) == "invalid"
    path.write_bytes(content[:1000] + content[-20000:])
    assert validation_state(path) == "unreadable"


@needs_extra
def test_the_key_of_an_installation_is_made_once_and_private(tmp_path: Path) -> None:
    make_identity()
    first = read_identity()
    make_identity()
    assert read_identity() == first and b"PRIVATE KEY" in first.key
    assert identity_path().is_relative_to(tmp_path)
    if os.name != "nt":
        assert stat.S_IMODE(identity_path().stat().st_mode) == 0o600
        assert stat.S_IMODE(identity_path().parent.stat().st_mode) == 0o700


@needs_extra
def test_the_key_is_not_in_the_file_and_its_certificates_name_nobody(tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = write(tmp_path / "sung.wav")
    add_manifest(path, "converted", path)
    own = read_identity()
    key: Any = load_pem_private_key(own.key, None)
    content = path.read_bytes()
    assert key.private_numbers().private_value.to_bytes(32) not in content and b"PRIVATE" not in content
    certificate = x509.load_pem_x509_certificate(own.certificate)
    assert certificate.subject.rfc4514_string() == "CN=installation of myna,O=myna"
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(own.authority))


@needs_extra
def test_a_file_of_another_installation_is_valid_but_not_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "sung.wav")
    add_manifest(path, "converted", path)
    identity_path().unlink()
    assert validation_state(path) == "valid"
    make_identity()
    assert validation_state(path) == "valid"


@needs_extra
@pytest.mark.parametrize("damaged", [False, True])
def test_the_manifest_of_the_source_is_kept(damaged: bool, tmp_path: Path) -> None:
    source, path = write(tmp_path / "song.flac"), write(tmp_path / "sung.mp3")
    add_manifest(source, "first conversion", source)
    if damaged:
        content = source.read_bytes()
        source.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    add_manifest(path, "second conversion", source)
    own, both = manifests(path)
    (ingredient,) = own["ingredients"]
    assert "first conversion" in json.dumps(both[ingredient["active_manifest"]])
    assert "second conversion" in json.dumps(own) and len(both) == 2
    assert validation_state(path) == "own"


@needs_extra
def test_a_manifest_that_cannot_be_read_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, path = write(tmp_path / "song.wav"), write(tmp_path / "sung.wav")
    add_manifest(source, "first conversion", source)
    source.write_bytes(source.read_bytes()[:-3000])
    add_manifest(path, "second conversion", source)
    assert "the Content Credentials of song.wav cannot be kept" in caplog.text
    assert len(manifests(path)[1]) == 1 and validation_state(path) == "own"


@needs_extra
def test_a_file_that_cannot_be_signed_stays_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "sung.wav").rename(tmp_path / "sung.flac")
    content = path.read_bytes()
    add_manifest(path, "converted", path)
    assert path.read_bytes() == content and list(tmp_path.glob("si*")) == []
    assert "sung.flac has no Content Credentials" in caplog.text


@needs_extra
def test_a_file_that_does_not_fit_into_memory_is_not_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    small, large = write(tmp_path / "sung.wav"), write(tmp_path / "long.wav", 3.0)
    add_manifest(small, "converted", small)
    monkeypatch.setattr(manifest, "_MOST_BYTES", 60_000)
    add_manifest(large, "converted", large)
    assert validation_state(large) == "too large" and manifest_types(large) is None
    assert "long.wav has no Content Credentials" in caplog.text
    copy = write(tmp_path / "copy.wav")
    monkeypatch.setattr(manifest, "_MOST_BYTES", small.stat().st_size - 1)
    add_manifest(copy, "converted", small)
    assert len(manifests(copy)[1]) == 1


@needs_extra
@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_home_that_cannot_be_written_to_gives_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()  # the owner of all files may write to every folder, but not into a file
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    path = write(tmp_path / "sung.wav")
    content = path.read_bytes()
    for _ in range(2):
        add_manifest(path, "converted", path)
    assert path.read_bytes() == content
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "files get no Content Credentials, because there is no key"
    ]


@needs_extra
def test_a_damaged_key_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_identity()
    identity_path().write_bytes(b"-----BEGIN")
    path = write(tmp_path / "sung.wav")
    add_manifest(path, "converted", path)
    assert f"{identity_path()} is damaged; remove it" in caplog.text
    assert validation_state(path) == "unreadable"


@needs_extra
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interruption_is_passed_on_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "sung.wav")
    content, sign = path.read_bytes(), manifest._sign

    def interrupted(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        sign(*arguments)

    monkeypatch.setattr(manifest, "_sign", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add_manifest(path, "converted", path)
    assert path.read_bytes() == content and list(tmp_path.glob("s*.*")) == [path]
    assert not (tmp_path / "signed").exists()


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a server, and the list of the requests that it gets."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


@needs_extra
def test_nothing_is_fetched(requests: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import c2pa

    address, seen = requests
    plain, remote = write(tmp_path / "song.wav"), tmp_path / "remote.wav"
    make_identity()
    own = read_identity()
    key = c2pa.C2paSignerInfo(b"es256", own.certificate + own.authority, own.key, None)
    with c2pa.Signer.from_info(key) as signer, c2pa.Builder(manifest._manifest("converted")) as builder:
        builder.set_no_embed()
        builder.set_remote_url(f"{address}/song.c2pa")
        with plain.open("rb") as file, remote.open("w+b") as target:
            builder.sign(signer, "wav", file, target)
    monkeypatch.setattr(manifest, "manifest_types", lambda _: [])  # as if the file contained one, too
    assert validation_state(remote) == "unreadable"
    add_manifest(plain, "converted", remote)
    assert validation_state(plain) == "own" and not seen
    with pytest.raises(c2pa.C2paError), remote.open("rb") as file:
        c2pa.Reader("wav", file)
    assert seen == ["/song.c2pa"]  # the library itself would fetch it


def test_without_the_extra_or_in_another_format_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vorbis, wave = write(tmp_path / "sung.ogg"), write(tmp_path / "sung.wav")
    contents = vorbis.read_bytes(), wave.read_bytes()
    add_manifest(vorbis, "converted", wave)
    monkeypatch.setattr(manifest, "can_sign", lambda: False)
    add_manifest(wave, "converted", wave)
    assert (vorbis.read_bytes(), wave.read_bytes()) == contents
    assert validation_state(wave) == "no library"
    assert not identity_path().exists() and not caplog.records
