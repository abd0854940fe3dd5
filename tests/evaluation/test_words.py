"""Character errors are counted as usual for character error rates."""

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
def test_case_and_punctuation_do_not_count_as_errors(reference: str, text: str, expected: tuple[int, int]) -> None:
    assert count_errors(reference, text) == expected


def test_the_edit_distance_is_a_metric() -> None:
    generator = random.Random(0)
    words = ["".join(generator.choices("abc", k=generator.randrange(12))) for _ in range(12)]
    distance = {(one, other): count_errors(one, other)[0] for one in words for other in words}
    for one in words:
        assert distance[one, one] == 0
        for other in words:
            assert distance[one, other] == distance[other, one]
            # difflib's edits are valid, but not minimal.
            edits = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
            upper = sum(max(b - a, d - c) for kind, a, b, c, d in edits if kind != "equal")
            assert distance[one, other] <= upper
            assert all(distance[one, other] <= distance[one, via] + distance[via, other] for via in words)


def test_a_folder_without_a_complete_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(AssetError, match=r"tokenizer\.json is missing"):
        Transcriber(tmp_path)
