"""Default options of a voice travel in its file, and only usable ones are taken from it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from myna.errors import ConfigError
from myna.options import (
    ConversionOptions,
    check_voice_defaults,
    parse_options,
    usable_voice_defaults,
    with_voice_defaults,
)
from myna.voice import Voice
from myna.zoo import packing
from myna.zoo.opening import open_voice
from myna.zoo.voice_notes import NAME, VoiceNotes, read_notes, write_notes

FORK = Path(__file__).parents[1] / "golden" / "fork" / "so-vits-svc-4.0v1"
DEFAULTS = {"transpose": 12.0, "f0_method": "dio", "cluster_infer_ratio": 0.5}


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    for name in ("G_3.pth", "config.json"):
        shutil.copyfile(FORK / name, tmp_path / name)
    return tmp_path / "G_3.pth"


def test_defaults_beside_a_voice_are_packed_loaded_and_unpacked(voice: Path, tmp_path: Path) -> None:
    write_notes(tmp_path, VoiceNotes(tags=("soft",), defaults=DEFAULTS))
    packed = tmp_path / "packed" / "anna.safetensors"
    packed.parent.mkdir()
    open_voice(voice).pack(packed)
    card = packing.read_card(packed)
    assert card is not None and card.defaults == DEFAULTS
    assert Voice.load(packed).defaults == DEFAULTS
    packing.unpack(packed, tmp_path / "unpacked")
    assert read_notes(tmp_path / "unpacked").defaults == DEFAULTS
    assert Voice.load(tmp_path / "unpacked").defaults == DEFAULTS


def test_the_notes_beside_a_packed_voice_replace_its_own_defaults(voice: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed" / "anna.safetensors"
    packed.parent.mkdir()
    open_voice(voice).pack(packed, defaults=DEFAULTS)
    write_notes(packed.parent, VoiceNotes(tags=("soft",)))  # notes without defaults
    assert Voice.load(packed).defaults == DEFAULTS
    write_notes(packed.parent, VoiceNotes(defaults={}))
    assert Voice.load(packed).defaults == {}


def test_a_strangers_file_can_name_no_file_and_no_value_out_of_range() -> None:
    stored = {
        "cluster_model_path": "/etc/passwd",
        "speaker_mix": "shares.csv",
        "transpose": 99,
        "seed": 3,
        "of_a_newer_version": 1,
        "f0_method": "dio",
        "auto_transpose": "yes",
        "noise_scale": 0.3,
    }
    assert usable_voice_defaults(stored) == {"f0_method": "dio", "noise_scale": 0.3}
    for name, value in stored.items():
        if name not in ("f0_method", "noise_scale"):
            with pytest.raises(ConfigError):
                check_voice_defaults({name: value})


def test_damaged_notes_are_no_notes(tmp_path: Path) -> None:
    for content in (b"", b"\xff", b"[]", json.dumps({"tags": 3}).encode()):
        (tmp_path / NAME).write_bytes(content)
        assert read_notes(tmp_path) == VoiceNotes()


def test_notes_are_tidied_and_have_limits() -> None:
    notes = VoiceNotes(
        tags=(" bass ", "bass", "", "very  soft"), defaults={"transpose": 0, "f0_method": "dio"}
    ).checked()
    assert notes.tags == ("bass", "very soft") and notes.defaults == {"f0_method": "dio"}
    for wrong in (
        VoiceNotes(tags=("x" * 41,)),
        VoiceNotes(tags=tuple(map(str, range(21)))),
        VoiceNotes(notes="x" * 10_001),
    ):
        with pytest.raises(ConfigError):
            wrong.checked()


def test_given_options_take_precedence_over_defaults() -> None:
    chosen = with_voice_defaults({"transpose": 0.0, "speaker": "bob"}, {**DEFAULTS, "speaker_mix": "a:1"})
    assert parse_options(ConversionOptions, chosen) == ConversionOptions(
        speaker="bob", f0_method="dio", cluster_infer_ratio=0.5
    )


@pytest.mark.parametrize("value", ["much", True, [1], {"a": 1}, 1e400 * 0])
def test_a_value_of_another_type_is_one_line(value: object) -> None:
    with pytest.raises(ConfigError, match=r"transpose"):
        parse_options(ConversionOptions, {"transpose": value})
