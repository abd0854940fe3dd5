"""Parsing of speaker shares from the command line and from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from myna.config import Config
from myna.conversion.speaker_mix import SpeakerMix
from myna.errors import ConfigError
from myna.options import ConversionOptions

CONFIG = Config.parse({"model": {"n_speakers": 4}, "spk": {"alto": 0, "Sänger": 2, "a:b": 1, "late": 9}})


def shares(text: str, *seconds: float) -> list[list[float]]:
    rows = SpeakerMix.parse(text, CONFIG).at(np.array(seconds)).T
    return [[round(share, 6) for share in row] for row in rows.tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alto:0.7,Sänger:0.3", [0.7, 0, 0.3, 0]),
        (" alto : 7 , Sänger : 3 ,", [0.7, 0, 0.3, 0]),
        ("alto,Sänger", [0.5, 0, 0.5, 0]),
        ("Sänger:2", [0, 0, 1, 0]),
        ("a:b:1,alto:1", [0.5, 0.5, 0, 0]),
        ("alto:1e300,Sänger:1e300", [0.5, 0, 0.5, 0]),
        ("alto:0,Sänger:0.2", [0, 0, 1, 0]),
    ],
)
def test_shares_are_normalized(text: str, expected: list[float]) -> None:
    assert shares(text, 0.0) == [expected] == shares(text, 5.0)


def test_the_speaker_with_the_largest_share_comes_first() -> None:
    assert SpeakerMix.parse("alto:1,Sänger:3", CONFIG).indices == [2, 0]
    assert SpeakerMix.parse("alto:1,Sänger:0", CONFIG).indices == [0]


CSV = "seconds,alto,Sänger\n1,1,\n3,1,3\n4,0,1\n"
JSON = (
    '[{"seconds": 1, "alto": 1}, {"seconds": 3, "alto": 0.25, "Sänger": 0.75}, {"seconds": 4, "alto": 0, "Sänger": 2}]'
)


@pytest.mark.parametrize(("name", "text"), [("a.csv", CSV), ("a.CSV", "\ufeff" + CSV), ("a.json", JSON)])
def test_shares_are_interpolated_linearly(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = shares(str(tmp_path / name), 0, 1, 2, 3, 3.5, 4, 99)
    assert [row[2] for row in found] == [0, 0, 0.375, 0.75, 0.875, 1, 1]
    assert all(sum(row) == pytest.approx(1) for row in found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "e.g. alto:0.7"),
        (" , ", "e.g. alto:0.7"),
        ("Anna:1", "no speaker 'Anna'; this voice has: alto, Sänger, a:b, late"),
        ("alto:-1,Sänger:2", "share of alto is -1; it must be 0 or more"),
        ("alto:much", "share of alto is 'much', not a number"),
        ("alto:nan", "not a number"),
        ("alto:inf", "not a number"),
        ("alto:0", "no speaker has a share"),
        ("late:1", "index 9, but the voice has only 4 speakers"),
        ("gone.csv", "cannot read the timeline gone.csv"),
    ],
)
def test_an_invalid_mix_gives_a_one_line_error(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as raised:
        SpeakerMix.parse(text, CONFIG)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "", "contains no rows"),
        ("a.csv", "seconds,alto\n", "contains no rows"),
        ("a.csv", "alto,Sänger\n1,2\n", "row 1: seconds is None, not a number"),
        ("a.csv", "seconds,Anna\n1,2\n", "row 1: no speaker 'Anna'"),
        ("a.csv", "seconds,alto\n1,1\n2,0\n", "row 2: no speaker has a share"),
        ("a.csv", "seconds,alto\n1,1\n1,1\n", "must increase"),
        ("a.csv", "seconds,alto\n1,1,7\n", "row 1: "),
        ("a.csv", "seconds,alto\nsoon,1\n", "seconds is 'soon'"),
        ("a.json", "", "cannot read"),
        ("a.json", "[]", "contains no rows"),
        ("a.json", "{}", "is not a timeline"),
        ("a.json", "[1]", "is not a timeline"),
        ("a.json", '[{"seconds": true, "alto": 1}]', "seconds is True"),
        ("a.json", '[{"seconds": 1, "alto": [1]}]', "share of alto"),
    ],
)
def test_an_invalid_timeline_gives_a_one_line_error(name: str, text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=reason) as raised:
        SpeakerMix.parse(str(tmp_path / name), CONFIG)
    assert "\n" not in str(raised.value)


def test_a_voice_without_names_cannot_be_mixed() -> None:
    with pytest.raises(ConfigError, match="names no speakers"):
        SpeakerMix.parse("alto:1", Config())


def test_speaker_and_speaker_mix_are_exclusive() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        ConversionOptions(speaker="alto", speaker_mix="alto:1")
