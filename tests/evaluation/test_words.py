"""Letters are counted as character error rates count them."""

from __future__ import annotations

import difflib
import random
from pathlib import Path

import pytest

from myna.errors import AssetError
from myna.evaluation.words import Transcriber, count_errors


@pytest.mark.parametrize(
    ("reference", "text", "expected"),
    [
        ("kitten", "sitting", (3, 6)),
        ("Hello,  World!", "hello world", (0, 11)),
        ("don't", "dont", (0, 4)),
        ("don\u2019t", "don't", (0, 4)),
        ("\uff21\uff22\uff11", "ab1", (0, 3)),
        ("", "words", (5, 0)),
        ("words", "", (5, 5)),
        ("...", "?", (0, 0)),
        ("あんたがた", "あんたかた", (1, 5)),
    ],
)
def test_errors_are_edits_after_case_and_punctuation(reference: str, text: str, expected: tuple[int, int]) -> None:
    assert count_errors(reference, text) == expected


def test_the_distance_is_a_distance() -> None:
    draw = random.Random(0)
    words = ["".join(draw.choices("abc", k=draw.randrange(12))) for _ in range(12)]
    distance = {(one, other): count_errors(one, other)[0] for one in words for other in words}
    for one in words:
        assert distance[one, one] == 0
        for other in words:
            assert distance[one, other] == distance[other, one]
            # difflib's edits are edits, if not the fewest.
            edits = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
            upper = sum(max(b - a, d - c) for kind, a, b, c, d in edits if kind != "equal")
            assert distance[one, other] <= upper
            assert all(distance[one, other] <= distance[one, via] + distance[via, other] for via in words)


def test_a_folder_without_a_model_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(AssetError, match=r"tokenizer\.json is missing"):
        Transcriber(tmp_path)
