"""Every text in every language, and an option for every field."""

from __future__ import annotations

import re
from dataclasses import fields

import gradio as gr
import pytest

from myna.apps.flags import as_flags
from myna.apps.gui.texts import LANGUAGES, language_of, texts
from myna.apps.gui.widgets import option_widgets
from myna.errors import ConfigError
from myna.options import ConversionOptions, parse_options


class Request:
    """Request of a browser that asks for these languages."""

    def __init__(self, languages: str) -> None:
        self.headers = {"accept-language": languages}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_language_has_all_texts(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert other.keys() == english.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{(\w+)", other[key])) == set(re.findall(r"\{(\w+)", text)), key


@pytest.mark.parametrize(
    ("asked", "language"), [("ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("fr,ko;q=0.5", "ko"), ("fr", "en"), ("", "en")]
)
def test_the_language_is_the_browsers_first_that_is_known(asked: str, language: str) -> None:
    assert language_of(Request(asked)) == language  # type: ignore[arg-type]


def test_widgets_have_the_defaults_and_limits_of_their_options() -> None:
    names = [spec.name for spec in fields(ConversionOptions) if spec.name != "cluster_model_path"]
    widgets = option_widgets(ConversionOptions, names)
    assert (
        parse_options(ConversionOptions, {name: widget.value for name, widget in widgets.items()})
        == ConversionOptions()
    )
    transpose = widgets["transpose"]
    assert isinstance(transpose, gr.Slider) and (transpose.minimum, transpose.maximum) == (-36, 36)


def test_an_empty_widget_is_the_default_and_a_wrong_value_an_error() -> None:
    assert parse_options(ConversionOptions, {"speaker": "", "noise_scale": None}) == ConversionOptions()
    with pytest.raises(ConfigError, match="transpose must be between"):
        parse_options(ConversionOptions, {"transpose": 40})
    with pytest.raises(ConfigError, match="transpose: 'much' is not a number"):
        parse_options(ConversionOptions, {"transpose": "much"})


def test_flags_show_values_other_than_the_default() -> None:
    assert as_flags(ConversionOptions()) == []
    chosen = ConversionOptions(transpose=-12.0, auto_transpose=True, f0_method="dio", seed=3)
    assert as_flags(chosen) == ["--transpose", "-12", "--auto-transpose", "--f0-method", "dio", "--seed", "3"]


def test_a_result_states_what_was_changed() -> None:
    from myna.apps.gui.tabs.convert.result_list import about_text
    from myna.studio.results import Result

    plain = {
        "number": 1,
        "song": "a.wav",
        "voice": "joe",
        "path": "b.wav",
        "command": "svc",
        "transpose": 0,
        "seconds": 1,
    }
    quiet = Result.model_validate(plain | {"source_hz": 220, "voice_hz": 110})  # a record of an older version
    assert about_text(quiet, None).count(".") == 1
    changed = quiet.model_copy(update={"turned_down_db": 3.21, "lowered_seconds": 1.25, "raised_seconds": 0.4})
    for part in ("turned down by 3.2 dB", "1.2 s above 1100 Hz", "0.4 s below 50 Hz"):
        assert part in about_text(changed, None)
