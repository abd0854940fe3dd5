"""With a cache, edited slices are sung again and others are not; the sound equals a conversion without a cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from apps.tiny_voice import CONFIG, RATE, BandEnergies
from myna.audio.io import read
from myna.config import Config
from myna.conversion.converter import Converter
from myna.conversion.renderer import Rendered, Renderer
from myna.conversion.slice_cache import SliceCache
from myna.features.extractor import FeatureExtractor
from myna.features.pitch_edits import Draw, PitchEdit, PitchEdits, Shift, Silent, Unvoiced
from myna.models.synthesizers.vits import Vits
from myna.options import ConversionOptions
from myna.voice import Voice

SECONDS = 6


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> Voice:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    torch.manual_seed(0)
    config = Config.parse(CONFIG)
    return Voice(config, Vits(config.model, config.data).eval(), Path("G_1.pth"))


def singing(seconds: float, hz: float = 220.0) -> np.ndarray:
    """A voice-like tone with a slow vibrato, softer every second."""
    time = np.arange(round(seconds * RATE)) / RATE
    cycles = np.cumsum(hz * 2 ** (0.3 * np.sin(2 * np.pi * 3 * time) / 12)) / RATE
    tone = sum(np.sin(2 * np.pi * k * cycles) / k for k in range(1, 12))
    return (0.2 * tone * (0.6 + 0.4 * np.cos(2 * np.pi * time))).astype(np.float32)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, singing(SECONDS), RATE, "FLOAT")
    return path


class Counted:
    """Numbers of calls of the renderer and of the feature extractor."""

    rendered = 0
    extracted = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    counts, render, extract = Counted(), Renderer.render, FeatureExtractor.__call__

    def counted_render(self: Renderer, *given: Any) -> Rendered:
        counts.rendered += 1
        return render(self, *given)

    def counted_extract(self: FeatureExtractor, *given: Any, **how: Any) -> Any:
        counts.extracted += 1
        return extract(self, *given, **how)

    monkeypatch.setattr(Renderer, "render", counted_render)
    monkeypatch.setattr(FeatureExtractor, "__call__", counted_extract)
    yield counts


def options(folder: Path, *edits: PitchEdit, **others: Any) -> ConversionOptions:
    path = folder / "edits.json"
    path.write_text(PitchEdits(edits).text())
    return ConversionOptions(pitch=path, max_chunk_seconds=2.0, pad_seconds=0.2, **others)


def sung(converter: Converter, song: Path, chosen: ConversionOptions) -> np.ndarray:
    output = song.with_name("sung.wav")
    converter.convert_file(song, output, chosen)
    return read(output)[0]


def test_an_edit_sings_only_its_slice_and_equals_a_new_conversion(
    voice: Voice, song: Path, tmp_path: Path, counted: Counted
) -> None:
    cached = Converter(voice, cache=SliceCache())
    sung(cached, song, options(tmp_path))
    n_slices = counted.rendered
    assert n_slices >= 4 and counted.extracted == n_slices
    steps = [
        (Shift(0.15, 0.25, 2.0),),
        (Shift(0.15, 0.25, 2.0), Unvoiced(0.2, 0.25), Draw(((0.25, 50.0), (0.3, 52.0))), Silent(0.1, 0.15)),
        (),  # undone
    ]
    for edits, n_sung in zip(steps, (1, 1, 0), strict=True):
        counted.rendered = counted.extracted = 0
        result = sung(cached, song, options(tmp_path, *edits))
        assert (counted.rendered, counted.extracted) == (n_sung, 0)
        np.testing.assert_array_equal(result, sung(Converter(voice), song, options(tmp_path, *edits)))


def test_other_options_sing_everything_but_keep_the_features(
    voice: Voice, song: Path, tmp_path: Path, counted: Counted
) -> None:
    cached = Converter(voice, cache=SliceCache())
    sung(cached, song, options(tmp_path))
    n_slices, counted.rendered, counted.extracted = counted.rendered, 0, 0
    result = sung(cached, song, options(tmp_path, transpose=3.0))
    assert (counted.rendered, counted.extracted) == (n_slices, 0)
    np.testing.assert_array_equal(result, sung(Converter(voice), song, options(tmp_path, transpose=3.0)))


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (1.2, 1.9), (2.5, 60.0), (7.0, 8.0)])
def test_a_stretch_equals_that_part_of_the_whole(
    start: float, end: float, voice: Voice, song: Path, tmp_path: Path
) -> None:
    chosen, converter = options(tmp_path, Shift(1.3, 1.5, 2.0)), Converter(voice, cache=SliceCache())
    whole, _ = converter.convert(read(song)[0], RATE, chosen)
    part = converter.convert_stretch(song, start, end, chosen)
    np.testing.assert_array_equal(part, whole[round(start * RATE) : round(end * RATE)])


def test_a_changed_song_is_read_again(voice: Voice, tmp_path: Path) -> None:
    converter = Converter(voice, cache=SliceCache())
    path = tmp_path / "song.wav"
    for hz in (220.0, 330.0):
        soundfile.write(path, singing(1 + hz / 1000, hz), RATE, "FLOAT")
        np.testing.assert_array_equal(
            sung(converter, path, ConversionOptions()), sung(Converter(voice), path, ConversionOptions())
        )


def test_the_pitch_is_that_of_the_conversion(voice: Voice, song: Path, tmp_path: Path, counted: Counted) -> None:
    converter = Converter(voice, cache=SliceCache())
    shift = Shift(0.4, 0.6, 2.0)
    found = converter.pitch(song, options(tmp_path, shift, transpose=12.0))
    extracted = counted.extracted
    sung(converter, song, options(tmp_path, shift, transpose=12.0))
    assert counted.extracted == extracted  # the features are shared
    times = (np.arange(len(found.f0)) + 0.5) * found.frame_seconds
    assert found.seconds == SECONDS and times[-1] == pytest.approx(SECONDS, abs=found.frame_seconds)
    inside, voiced = (times > 0.42) & (times < 0.58), found.unedited_f0 > 0
    np.testing.assert_allclose(found.f0[inside], found.unedited_f0[inside] * 2 ** (2 / 12), rtol=1e-5)
    np.testing.assert_array_equal(found.f0[times > 0.64], found.unedited_f0[times > 0.64])
    assert voiced.mean() > 0.5 and found.transpose == 12


def test_the_size_is_bounded_and_the_oldest_value_goes_first() -> None:
    cache, made = SliceCache(max_bytes=100), []

    def value(key: str, size: int) -> np.ndarray:
        def make() -> np.ndarray:
            made.append(key)
            return np.zeros(size, np.uint8)

        return cache.get(key, make)

    value("a", 40)
    value("b", 40)
    value("a", 40)
    value("c", 40)  # "b" was not used for the longest time
    assert cache.n_bytes == 80
    value("a", 40)
    value("b", 40)
    assert made == ["a", "b", "c", "b"]
    assert len(value("too large", 200)) == 200
    assert cache.n_bytes == 0
