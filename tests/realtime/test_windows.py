"""Any voice in a stream of windows: close to the file conversion, in blocks of any size, with its settings changing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from apps.tiny_voice import CONFIG, RATE, BandEnergies
from myna.assets import BUNDLED_SONG
from myna.audio.io import read
from myna.audio.spectrogram import MelSettings, mel_spectrogram
from myna.config import Config
from myna.conversion.converter import Converter
from myna.models.synthesizers.vits import Vits
from myna.options import ConversionOptions
from myna.realtime.interface import LiveSettings
from myna.realtime.stream import Stream, open_stream
from myna.voice import Voice

OPEN = LiveSettings(gate_db=None)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Voice:
    """A VITS voice of a few channels, with random weights."""
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    torch.manual_seed(0)
    config = Config.parse(CONFIG)
    return Voice(config, Vits(config.model, config.data).eval(), Path("G_1.pth"))


def singing(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    cycles = np.cumsum(220 * 2 ** (0.3 * np.sin(2 * np.pi * 3 * time) / 12)) / RATE
    tone = sum(np.sin(2 * np.pi * k * cycles) / k for k in range(1, 12))
    return (0.2 * tone * (0.6 + 0.4 * np.cos(2 * np.pi * time))).astype(np.float32)


def pushed(stream: Stream, source: np.ndarray, block: int) -> np.ndarray:
    """Convert the source, and return the output without the delay."""
    padded = np.concatenate([source, np.zeros(stream.delay_samples, np.float32)])
    return np.concatenate([stream.push(padded[i : i + block]) for i in range(0, len(padded), block)])[
        stream.delay_samples :
    ]


def distance_db(one: np.ndarray, other: np.ndarray, config: Config) -> float:
    """Median difference of the levels in mel bands that are at most 50 dB below the loudest."""
    settings = MelSettings.of(config.data)
    logs = [mel_spectrogram(torch.from_numpy(audio[None]), settings)[0] for audio in (one, other)]
    mels = [20 / np.log(10) * log for log in logs]
    return float((mels[0] - mels[1]).abs()[mels[1] > mels[1].max() - 50].median())


@pytest.mark.parametrize("block", [77, 4000])
def test_the_sizes_of_the_blocks_do_not_matter(tiny: Voice, block: int) -> None:
    source = singing(1.0)
    whole = open_stream(tiny, settings=OPEN, block_seconds=0.2).push(source)
    stream = open_stream(tiny, settings=OPEN, block_seconds=0.2)
    parts = [stream.push(source[i : i + block]) for i in range(0, len(source), block)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert stream.delay_samples < 0.3 * RATE


def test_a_stream_of_windows_is_close_to_the_file_conversion(tiny: Voice) -> None:
    source = singing(4.0)
    options = ConversionOptions(noise_scale=0.0)
    file = Converter(tiny).convert(source, RATE, options).audio
    live = pushed(open_stream(tiny, options, OPEN, block_seconds=0.2), source, 320)
    assert distance_db(live, file, tiny.config) < 1.3


def test_a_light_voice_in_windows_is_close_to_the_file_conversion() -> None:
    """It has a third of the delay of the carried state, and 1.5 dB of distance; other noise alone gives 0.5 dB."""
    joe = Voice.load("joe")
    rate = joe.config.data.sample_rate
    source = read(BUNDLED_SONG, rate)[0][2 * rate : 6 * rate]
    stream = open_stream(joe, settings=OPEN, block_seconds=0.15, method="windows")
    assert stream.delay_samples < 0.24 * rate
    file = Converter(joe).convert(source, rate).audio
    assert distance_db(pushed(stream, source, 441), file, joe.config) < 2.2


def test_speakers_and_pitch_change_between_windows(tiny: Voice) -> None:
    """After the change, the output is that of a stream that had these settings from the beginning."""
    source = singing(3.0)
    later = replace(OPEN, speaker_mix="tenor:0.7,Sängerin:0.3", transpose=-5.0)
    stream = open_stream(tiny, ConversionOptions(noise_scale=0.0), OPEN, block_seconds=0.2)
    first = stream.push(source[:RATE])
    stream.change(later)
    changed = np.concatenate([first, stream.push(source[RATE:])])
    constant = open_stream(tiny, ConversionOptions(noise_scale=0.0), later, block_seconds=0.2).push(source)
    assert distance_db(changed[2 * RATE :], constant[2 * RATE :], tiny.config) < 0.5
    assert distance_db(changed[:RATE], constant[:RATE], tiny.config) > 1


def test_the_proposed_block_is_one_for_which_the_computer_is_fast_enough(
    tiny: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(1000))
    fast = open_stream(tiny, settings=OPEN)
    monkeypatch.setattr("myna.realtime.conversion.time.perf_counter", lambda: next(seconds))  # each block takes 1 s
    slow = open_stream(tiny, settings=OPEN)
    assert fast.delay_samples < slow.delay_samples
    assert slow.delay_samples > 1.6 * RATE
