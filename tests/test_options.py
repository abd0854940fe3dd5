"""Options exclude each other where they must, and defaults of a voice give way to what a person chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from myna.errors import ConfigError
from myna.options import (
    VOICE_OPTIONS,
    ConversionOptions,
    check_voice_defaults,
    names_a_file,
    usable_voice_defaults,
    with_voice_defaults,
)


@pytest.mark.parametrize(
    "options", [{"autotune": "C"}, {"vibrato": 0.0}, {"pitch": Path("edits.json")}, {"formant_shift": -1.0}]
)
def test_a_predicted_pitch_excludes_changes_of_the_pitch(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"auto_predict_f0 excludes {next(iter(options))}"):
        ConversionOptions(auto_predict_f0=True, **options)
    assert with_voice_defaults(options, {"auto_predict_f0": True, "transpose": 2.0}) == {**options, "transpose": 2.0}
    assert with_voice_defaults({"auto_predict_f0": True}, options) == {"auto_predict_f0": True}


def test_usual_values_exclude_nothing() -> None:
    given = {"vibrato": 1.0, "autotune": None, "speaker": ""}
    defaults = {"auto_predict_f0": True, "speaker_mix": "a,b"}
    assert with_voice_defaults(given, defaults) == {**defaults, **given}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"autotune": "H"}, "'H' is not a key"),
        ({"autotune": "C:9"}, "must be a number from 0 to 1"),
        ({"vibrato": 5.0}, "vibrato must be between 0 and 4"),
        ({"formant_shift": 7.0}, "formant_shift must be between -6 and 6"),
        ({"loudness_mix": 1.5}, "loudness_mix must be between 0 and 1"),
    ],
)
def test_values_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ConversionOptions(**options)


def test_a_voice_brings_along_no_file_of_edits() -> None:
    assert "pitch" not in VOICE_OPTIONS and {"autotune", "vibrato", "formant_shift", "loudness_mix"} < set(
        VOICE_OPTIONS
    )
    assert names_a_file(ConversionOptions(pitch=Path("edits.json")))
    with pytest.raises(ConfigError, match="a voice has no default for pitch"):
        check_voice_defaults({"pitch": "edits.json"})
    found = usable_voice_defaults({"pitch": "edits.json", "formant_shift": 2, "auto_predict_f0": True, "autotune": "H"})
    assert found == {"formant_shift": 2.0}
