"""The picture shows sounds at their frequency and time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from myna.audio.io import Writer
from myna.errors import AudioError
from myna.evaluation.drawing.picture import SIZE, write_picture
from myna.evaluation.evaluate import FileEvaluation
from myna.evaluation.pairing import Pair

RATE = 16000
RED = (0xC2, 0x41, 0x0C)


def half_tone(hz: float) -> NDArray[np.float32]:
    """Two seconds: silence, then a tone."""
    times = np.arange(2 * RATE) / RATE
    return np.where(times < 1, 0, 0.3 * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def draw(folder: Path, f0: NDArray[np.float32]) -> NDArray[np.int_]:
    """Picture (height, width, 3) of a 200 Hz source and a 3 kHz conversion, with `f0` as the contour of both."""
    paths = [folder / "a.wav", folder / "a.out.wav"]
    for path, hz in zip(paths, (200, 3000), strict=True):
        with Writer(path, RATE) as writer:
            writer.write(half_tone(hz))
    pair = Pair(converted=paths[1], source=paths[0])
    write_picture(FileEvaluation(pair, 2.0, 0.0, {}, {}, f0, f0), folder / "a.png")
    image = Image.open(folder / "a.png")
    assert (image.format, image.size) == ("PNG", SIZE)
    return np.asarray(image.convert("RGB")).astype(int)


def test_tones_appear_at_their_frequency_and_time(tmp_path: Path) -> None:
    picture = draw(tmp_path, np.zeros(200, np.float32))
    early, late = SIZE[0] // 4, 3 * SIZE[0] // 4
    source, result = (picture[top : top + 260].sum(axis=2) for top in (50, 370))
    assert source[:, early].max() < 100 and source[:, late].max() > 600
    assert source[:, late].argmax() > result[:, late].argmax() + 150


def test_the_contour_follows_the_pitch_with_gaps_where_unvoiced(tmp_path: Path) -> None:
    f0 = np.geomspace(100, 200, 200).astype(np.float32)
    f0[80:120] = 0
    picture = draw(tmp_path, f0)[688:958]
    drawn = (np.abs(picture - RED).sum(axis=2) < 30).any(axis=0)
    heights = (np.abs(picture - RED).sum(axis=2) < 30).argmax(axis=0)
    early, middle, late = (SIZE[0] * part // 4 for part in (1, 2, 3))
    assert drawn[early] and drawn[late] and not drawn[middle]
    assert heights[early] > heights[late] + 50


def test_a_missing_folder_is_a_one_line_error(tmp_path: Path) -> None:
    draw(tmp_path, np.zeros(200, np.float32))
    pair = Pair(tmp_path / "a.out.wav", tmp_path / "a.wav")
    file = FileEvaluation(pair, 2.0, 0.0, {}, {}, np.zeros(200, np.float32), np.zeros(200, np.float32))
    with pytest.raises(AudioError, match=r"cannot write .*nowhere"):
        write_picture(file, tmp_path / "nowhere" / "a.png")
