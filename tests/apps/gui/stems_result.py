"""A result with stems, made without singing: tones in stereo."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.studio import results, stems
from myna.studio.results import Result
from myna.studio.stems import Level, Stem, Stems
from myna.studio.workspace import Workspace

RATE, SECONDS = 8000, 3
TONES_HZ = {"voice": 400.0, "original": 700.0, "music": 1000.0}
AMPLITUDE = 0.2
LEAST_DB = -80.0


def make_result(workspace: Workspace, seconds: int = SECONDS) -> int:
    """Write a result whose stems are tones, and return its number."""
    place = results.reserve(workspace, None, "song.wav")
    folder = stems.folder(workspace, place.number)
    moments = np.arange(seconds * RATE) / RATE
    sounds = {name: np.tile(AMPLITUDE * np.sin(2 * np.pi * hz * moments), (2, 1)) for name, hz in TONES_HZ.items()}
    for name, sound in sounds.items():
        _write(folder / f"{name}.wav", sound)
    _write(place.source, sounds["original"] + sounds["music"])
    path = workspace.sung / "song (joe).wav"
    _write(path, sounds["voice"] + sounds["music"])
    record = [
        Stem(name="voice", file="voice.wav", channels=2, in_original=False),
        Stem(name="original", file="original.wav", channels=2, in_original=True, level=Level(muted=True)),
        Stem(name="music", file="music.wav", channels=2, in_original=True),
    ]
    stems.record_stems(workspace, place.number, Stems(sample_rate=RATE, n_samples=seconds * RATE, stems=record))
    result = Result(
        number=place.number,
        song="song.wav",
        voice="joe",
        path=path,
        command="svc cover song.wav -m joe",
        transpose=0,
        seconds=seconds,
        source_hz=None,
        voice_hz=None,
        made_at=time.time(),
    )
    results.record(place, result)
    return place.number


def tones_db(content: bytes, folder: Path) -> dict[str, float]:
    """Return the level of each tone in a sound file, relative to that of its stem, in dB."""
    (folder / "answer").write_bytes(content)
    audio, rate = io.read(folder / "answer", mono=False)
    assert audio.shape[0] == 2 and rate == RATE
    spectrum = np.abs(np.fft.rfft(audio[0])) / (AMPLITUDE * audio.shape[1] / 2)
    found = {name: spectrum[round(hz * audio.shape[1] / RATE)] for name, hz in TONES_HZ.items()}
    return {name: round(max(20 * float(np.log10(level + 1e-12)), LEAST_DB), 1) for name, level in found.items()}


def _write(path: Path, audio: NDArray[np.floating]) -> None:
    with io.Writer(path, RATE, channels=2) as writer:
        writer.write(audio.astype(np.float32))
