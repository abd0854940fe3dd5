"""Manifests of converted files: their sound and tags stay the same, and a change after signing is noticed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from myna.audio.io import Tags, Writer, info, read
from myna.audio.marking import manifest
from myna.audio.marking.manifest import SUFFIXES, add_manifest, can_sign, identity_path, validation_state
from myna.audio.marking.tags import manifest_types, statements

RATE = 16000
needs_extra = pytest.mark.skipif(not can_sign(), reason="needs the extra 'provenance'")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", str(tmp_path / "settings"))


def write(path: Path) -> Path:
    with Writer(path, RATE, tags=Tags(comment="converted with myna")) as writer:
        writer.write(np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32))
    return path


@needs_extra
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signed_file_has_the_same_sound_and_tags(suffix: str, tmp_path: Path) -> None:
    path, source = write(tmp_path / f"sung{suffix}"), write(tmp_path / "song.wav")
    before, tags = read(path)[0], info(path).tags
    add_manifest(path, "converted with myna; voice: joe", source)
    np.testing.assert_array_equal(read(path)[0], before)
    assert info(path).tags == tags and statements(path) == [tags.comment]
    assert manifest_types(path) == ["trainedAlgorithmicMedia"]
    assert validation_state(path) == "Valid"
    assert sorted(tmp_path.glob("s*.*")) == sorted({path, source})


@needs_extra
def test_a_change_after_signing_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "sung.wav")
    add_manifest(path, "converted", path)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    assert validation_state(path) == "Invalid"


@needs_extra
def test_the_key_of_an_installation_is_made_once_and_private(tmp_path: Path) -> None:
    first = manifest._identity()
    assert manifest._identity() == first and b"PRIVATE KEY" in first and first.count(b"BEGIN CERTIFICATE") == 2
    assert identity_path().is_relative_to(tmp_path)
    if os.name != "nt":
        assert stat.S_IMODE(identity_path().stat().st_mode) == 0o600
        assert stat.S_IMODE(identity_path().parent.stat().st_mode) == 0o700


@needs_extra
def test_the_manifest_of_the_source_is_kept(tmp_path: Path) -> None:
    source, path = write(tmp_path / "song.flac"), write(tmp_path / "sung.mp3")
    add_manifest(source, "first conversion", source)
    add_manifest(path, "second conversion", source)
    content = path.read_bytes()
    assert b"first conversion" in content and b"second conversion" in content
    assert validation_state(path) == "Valid"


@needs_extra
def test_a_file_that_cannot_be_signed_stays_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "sung.wav")
    path.rename(tmp_path / "sung.flac")
    content = (tmp_path / "sung.flac").read_bytes()
    add_manifest(tmp_path / "sung.flac", "converted", tmp_path / "sung.flac")
    assert (tmp_path / "sung.flac").read_bytes() == content
    assert "has no Content Credentials" in caplog.text


def test_without_the_extra_or_in_another_format_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vorbis, wave = write(tmp_path / "sung.ogg"), write(tmp_path / "sung.wav")
    contents = vorbis.read_bytes(), wave.read_bytes()
    add_manifest(vorbis, "converted", wave)
    monkeypatch.setattr(manifest, "can_sign", lambda: False)
    add_manifest(wave, "converted", wave)
    assert (vorbis.read_bytes(), wave.read_bytes()) == contents
    assert validation_state(wave) is None
    assert not identity_path().exists()
