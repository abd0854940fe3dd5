"""Every text in every language, and the forms made from options."""

from __future__ import annotations

import re

import pytest

from myna.apps.flags import as_flags
from myna.apps.gui.texts import LANGUAGES, texts
from myna.options import ConversionOptions


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_language_has_all_texts(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert other.keys() == english.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{(\w+)", other[key])) == set(re.findall(r"\{(\w+)", text)), key


def test_flags_show_values_other_than_the_default() -> None:
    assert as_flags(ConversionOptions()) == []
    chosen = ConversionOptions(transpose=-12.0, auto_transpose=True, f0_method="dio", seed=3)
    assert as_flags(chosen) == ["--transpose", "-12", "--auto-transpose", "--f0-method", "dio", "--seed", "3"]
