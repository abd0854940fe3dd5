"""The progress bar of the terminal shows no time left before it can be estimated."""

from __future__ import annotations

import io

import pytest

from myna.apps.cli.report import echo_error
from myna.apps.progress import Bar, bar
from myna.errors import AudioError


@pytest.mark.parametrize(
    ("n", "initial", "elapsed", "left"),
    [(1, 0, 9.0, None), (50, 0, 9.9, None), (2, 0, 60.0, None), (10, 0, 60.0, "09:00"), (52, 50, 60.0, "24:00")],
)
def test_a_bar_estimates_after_ten_seconds_and_three_percent(
    n: int, initial: int, elapsed: float, left: str | None
) -> None:
    bar = Bar(total=100, initial=initial, file=io.StringIO(), ncols=100)
    bar.n = n
    bar.start_t -= elapsed
    text = str(bar)
    bar.close()
    assert (f"<{left}" in text) if left else ("<" not in text.partition("[")[2])
    assert f"{n}/100 [0" in text


def test_an_error_is_the_last_line_although_the_bar_of_the_failed_work_is_closed_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = bar(range(3), title="song.mp3")
    next(items)
    echo_error(AudioError("the disk is full"))
    items.close()
    assert capsys.readouterr().err.splitlines()[-1] == "svc: the disk is full"
