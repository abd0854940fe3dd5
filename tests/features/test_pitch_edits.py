"""Edits change their stretches and nothing else; a file gives the edits that were written, or one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myna.errors import ConfigError
from myna.features.pitch_edits import (
    Draw,
    PitchEdit,
    PitchEdits,
    Shift,
    Silent,
    Snap,
    Unvoiced,
    Vibrato,
    parse_pitch_edits,
    read_pitch_edits,
)
from myna.units import hz_to_note, note_to_hz

STEP = 0.01
MIDDLES = (np.arange(400) + 0.5) * STEP
EVERY_KIND = (
    Shift(0.5, 1.0, 2.0),
    Draw(((1.5, 60.0), (2.0, 62.5))),
    Draw(((3.0, 60.0), (3.1, 60.0)), voiced=True),
    Snap(0.0, 3.0, "Am", 0.8),
    Vibrato(1.0, 2.0, 0.0),
    Unvoiced(2.5, 2.75),
    Silent(3.0, 3.5),
)


def song() -> np.ndarray:
    """A held A3 with a rest from 2 to 2.5 s."""
    return np.where((MIDDLES > 2) & (MIDDLES < 2.5), 0.0, 220.0)


def edited(*edits: PitchEdit) -> np.ndarray:
    return PitchEdits(edits).applied(song(), MIDDLES)


def between(contour: np.ndarray, start: float, end: float) -> np.ndarray:
    times = MIDDLES
    return contour[(times > start) & (times < end)]


def test_a_shift_moves_its_stretch_and_glides_at_its_edges() -> None:
    moved = edited(Shift(0.5, 1.0, 2.0))
    np.testing.assert_allclose(between(moved, 0.52, 0.98), 220 * 2 ** (2 / 12))
    np.testing.assert_array_equal(between(moved, 0, 0.48), 220)
    np.testing.assert_array_equal(between(moved, 1.02, 2), 220)
    assert np.abs(np.diff(hz_to_note(between(moved, 0, 2)))).max() < 1  # 2 would be a jump


def test_two_notes_that_move_alike_stay_joined() -> None:
    apart = edited(Shift(0.5, 0.8, 3.0), Shift(0.8, 1.0, 3.0))
    np.testing.assert_allclose(apart, edited(Shift(0.5, 1.0, 3.0)))


def test_a_step_of_the_melody_stays_a_step() -> None:
    step = np.where(MIDDLES < 1, 220.0, 330.0)
    moved = PitchEdits((Shift(1.0, 2.0, 12.0), Shift(0.0, 1.0, 12.0))).applied(step, MIDDLES)
    np.testing.assert_allclose(between(moved, 0, 1.97), 2 * between(step, 0, 1.97))


def test_a_drawn_line_replaces_the_pitch() -> None:
    drawn = edited(Draw(((0.5, 60.0), (0.7, 64.0), (1.0, 64.0))))
    inside = (MIDDLES > 0.53) & (MIDDLES < 0.97)
    np.testing.assert_allclose(hz_to_note(drawn[inside]), np.interp(MIDDLES[inside], (0.5, 0.7), (60, 64)), atol=0.02)


@pytest.mark.parametrize("voiced", [False, True])
def test_a_drawn_line_voices_a_rest_only_on_request(voiced: bool) -> None:
    drawn = edited(Draw(((1.9, 57.0), (2.6, 57.0)), voiced=voiced))
    np.testing.assert_allclose(between(drawn, 2, 2.5), 220 if voiced else 0)


def test_a_stretch_is_snapped_smoothed_unvoiced() -> None:
    contour = note_to_hz(57.3 + 0.4 * np.sin(2 * np.pi * 5.5 * MIDDLES))

    def result(edit: PitchEdit) -> np.ndarray:
        return hz_to_note(PitchEdits((edit,)).applied(contour, MIDDLES) + 1e-9)

    assert np.median(between(result(Snap(1, 3, "Am")), 1.1, 2.9)) == pytest.approx(57, abs=0.03)
    assert np.ptp(between(result(Vibrato(1, 3, 0.0)), 1.3, 2.7)) < 0.1
    assert between(result(Unvoiced(1, 3)), 1.01, 2.99).max() < 0
    for edit in (Snap(1, 3, "Am"), Vibrato(1, 3, 0.0), Unvoiced(1, 3)):
        np.testing.assert_allclose(between(result(edit), 0, 0.97), between(hz_to_note(contour), 0, 0.97))


def test_edits_are_applied_in_their_order() -> None:
    assert between(edited(Shift(0, 1, 1), Snap(0, 1, "Am")), 0.1, 0.9) == pytest.approx(220)
    assert between(edited(Snap(0, 1, "Am"), Shift(0, 1, 1)), 0.1, 0.9) == pytest.approx(220 * 2 ** (1 / 12))


def test_an_edit_reaches_only_the_times_for_which_it_counts() -> None:
    """The cache of slices relies on this."""
    for edit in EVERY_KIND:
        changed = MIDDLES[edited(edit) != song()]
        assert not len(changed) or (changed[0] > edit.start - 0.04 and changed[-1] < edit.end + 0.04)
        assert PitchEdits((edit,)).within(edit.start - 0.1, edit.start - 0.03)
        assert not PitchEdits((edit,)).within(edit.end + 0.04, 100)
        assert not PitchEdits((edit,)).within(-1, edit.start - 0.04)


def test_a_silent_stretch_fades_out_and_in() -> None:
    rate = 8000
    audio = np.ones(4 * rate, np.float32)
    silenced = PitchEdits((Silent(3.0, 3.5), Silent(9.0, 9.5))).silenced(audio, 1.0, rate)
    seconds = 1.0 + np.arange(len(audio)) / rate
    np.testing.assert_array_equal(silenced[(seconds < 3) | (seconds > 3.5)], 1)
    assert np.abs(silenced[(seconds > 3.01) & (seconds < 3.49)]).max() < 1e-6
    assert np.abs(np.diff(silenced)).max() < 0.03
    np.testing.assert_array_equal(audio, 1)


def test_edits_outside_the_song_and_no_edits_change_nothing() -> None:
    np.testing.assert_array_equal(edited(Shift(9, 10, 1), Draw(((5.0, 60.0), (6.0, 60.0)), voiced=True)), song())
    np.testing.assert_array_equal(edited(), song())
    assert PitchEdits((Shift(0, 1, 1),)).applied(np.zeros(0), np.zeros(0)).shape == (0,)
    assert PitchEdits((Shift(0, 1, 1),)).applied(np.array([220.0]), np.array([0.5])) == pytest.approx(
        220 * 2 ** (1 / 12)
    )


def test_a_file_gives_the_edits_that_were_written(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text(PitchEdits(EVERY_KIND).text())
    assert read_pitch_edits(path) == PitchEdits(EVERY_KIND)
    assert parse_pitch_edits(PitchEdits(EVERY_KIND).as_json()) == PitchEdits(EVERY_KIND)


SHIFT = {"kind": "shift", "start": 0, "end": 1, "semitones": 1}
LINE = {"kind": "draw", "points": [[0, 60], [1, 61]]}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (7, "edit 2: its kind must be one of shift, draw, snap, vibrato, unvoiced, silent"),
        ({"kind": ["shift"]}, "edit 2: its kind must be one of"),
        (
            {"kind": "shift", "start": 0, "end": 1},
            "edit 2: a shift has the fields start, end, semitones; got end, start",
        ),
        ({**SHIFT, "cents": 3}, "a shift has the fields start, end, semitones"),
        ({**SHIFT, "semitones": "2"}, "semitones is '2'; it must be a number from -36 to 36"),
        ({**SHIFT, "semitones": True}, "semitones is True; it must be a number"),
        ({**SHIFT, "semitones": float("nan")}, "semitones is nan; it must be a number"),
        ({**SHIFT, "semitones": 10**400}, f"semitones is 1{39 * '0'}; it must be a number"),
        ({**SHIFT, "semitones": 99}, "semitones is 99; it must be a number from -36 to 36"),
        ({**SHIFT, "end": 0}, "it must end after its start, 0 s"),
        ({**SHIFT, "start": -1}, "start is -1; it must be a number from 0 to 86400"),
        ({"kind": "draw", "points": [[0, 60]]}, r"a list of at least two points \[seconds, note\]"),
        ({"kind": "draw", "points": [[0, 60], [1]]}, r"a list of at least two points \[seconds, note\]"),
        ({"kind": "draw", "points": [[1, 60], [1, 61]]}, "the times of its points must increase; 1 follows 1"),
        ({"kind": "draw", "points": [[0, 60], [1, 300]]}, "note is 300; it must be a number from 0 to 127"),
        ({**LINE, "voiced": "yes"}, "voiced is 'yes'; it must be true or false"),
        ({"kind": "snap", "start": 0, "end": 1, "key": "H"}, "'H' is not a key"),
        ({"kind": "snap", "start": 0, "end": 1, "key": 3}, "key is 3; it must be text"),
        ({"kind": "vibrato", "start": 0, "end": 1, "factor": 5}, "factor is 5; it must be a number from 0 to 4"),
    ],
)
def test_a_wrong_edit_is_one_clear_line(edit: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text(json.dumps({"format": 1, "edits": [SHIFT, edit]}))
    with pytest.raises(ConfigError, match=message) as error:
        read_pitch_edits(path)
    assert str(error.value).startswith(f"{path}: edit 2: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("{", "is not JSON: line 1, column 2"),
        ("[]", r'pitch edits have the form \{"format": 1, "edits": \[...\]\}'),
        ('{"format": 1, "edits": {}}', "pitch edits have the form"),
        ('{"edits": []}', "the format of the pitch edits is None; this version reads 1"),
        ('{"format": 2, "edits": []}', "the format of the pitch edits is 2; this version reads 1"),
        ('{"format": 1, "edits": [], "song": "x"}', "pitch edits have no field song"),
        (json.dumps({"format": 1, "edits": [SHIFT] * 10_001}), "10001 pitch edits are too many"),
        (
            json.dumps({"format": 1, "edits": [{"kind": "draw", "points": [[i / 8, 60] for i in range(200_001)]}]}),
            "more than 200000 points",
        ),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_a_wrong_file_is_one_clear_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        read_pitch_edits(path)
    assert "\n" not in str(error.value)


def test_a_missing_or_huge_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the pitch edits .*none\.json: No such file"):
        read_pitch_edits(tmp_path / "none.json")
    (tmp_path / "huge.json").write_bytes(b" " * ((8 << 20) + 1))
    with pytest.raises(ConfigError, match="is not a file of pitch edits: it has more than 8 MB"):
        read_pitch_edits(tmp_path / "huge.json")
