"""Recordings -> dataset_raw/ of the base weights: a folder a speaker; nobody who is held out is among them.

Singing is scarce beside speech, so it is given as many short takes that overlap: an epoch hears every take once.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import soundfile as sf

from myna.audio.folders import find_recordings

sys.path.insert(0, str(Path(__file__).parents[1] / "content_encoder"))
from prepare import HELD_OUT_SINGING, HELD_OUT_SPEAKERS

TAKE_SECONDS, TAKE_HOP_SECONDS = 4.0, 1.0
N_SYNTHETIC = 220  # lines of joe: as much as a few speakers, not as all the others together


def gather(data: Path, joe: Path, folder: Path) -> None:
    for path in find_recordings(data / "speech" / "librispeech", recursive=False):
        speaker = path.stem.split("-")[0]
        if speaker not in HELD_OUT_SPEAKERS:
            copy(path, folder / f"librispeech-{speaker}")
    for name in ("ljspeech", "martin-notes"):
        for path in find_recordings(data / "target" / name, recursive=False):
            copy(path, folder / name)
    for path in find_recordings(joe, recursive=False)[:N_SYNTHETIC]:
        copy(path, folder / "joe")
    for path in find_recordings(data / "singing", recursive=False):
        if path.stem not in HELD_OUT_SINGING:
            write_takes(path, folder / path.stem)


def copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder)


def write_takes(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    audio, rate = sf.read(path)
    length, hop = int(TAKE_SECONDS * rate), int(TAKE_HOP_SECONDS * rate)
    for number, start in enumerate(range(0, max(len(audio) - length, 1), hop)):
        sf.write(folder / f"{path.stem}-{number:03d}.flac", audio[start : start + length], rate)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with speech/, singing/ and target/")
    parser.add_argument("joe", type=Path, help="what content_encoder/synthesize.py wrote")
    parser.add_argument("folder", type=Path, help="dataset_raw/")
    arguments = parser.parse_args()
    gather(arguments.data, arguments.joe, arguments.folder)
