"""Collect the training recordings of the base weights in dataset_raw/, one folder per speaker.

Held-out speakers and singers are excluded. There is much less singing than speech. Each song is therefore cut into many
short, overlapping takes: an epoch uses every take once, so this raises the share of singing.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import soundfile as sf

from recipes.corpus import Clip, recordings

TAKE_SECONDS, TAKE_HOP_SECONDS = 4.0, 1.0
N_SYNTHETIC = 220  # lines by joe: as much audio as a few speakers have, far less than all other speakers together


def gather(data: Path, joe: Path, folder: Path) -> None:
    """Copy speech and write takes of singing into `folder`.

    Args:
        data: as in `recipes.corpus.recordings`.
        joe: as in `recipes.corpus.recordings`.
        folder: output folder; each speaker gets a subfolder.
    """
    clips = recordings(data, joe)
    # joe is a training speaker here, so the lines that were held out for the content encoder are used too.
    synthetic = [clip for clip in clips if clip.source == "joe"][:N_SYNTHETIC]
    for clip in [clip for clip in clips if clip.source != "joe" and not clip.held_out] + synthetic:
        speaker = folder / folder_name(clip)
        speaker.mkdir(parents=True, exist_ok=True)
        if clip.source == "singing":
            write_takes(clip.path, speaker)
        else:
            shutil.copy(clip.path, speaker)


def folder_name(clip: Clip) -> str:
    return f"librispeech-{clip.speaker}" if clip.source == "librispeech" else clip.speaker


def write_takes(path: Path, folder: Path) -> None:
    """Cut a song into takes of `TAKE_SECONDS` that begin every `TAKE_HOP_SECONDS`."""
    audio, rate = sf.read(path)
    length, hop = int(TAKE_SECONDS * rate), int(TAKE_HOP_SECONDS * rate)
    for number, start in enumerate(range(0, max(len(audio) - length, 1), hop)):
        sf.write(folder / f"{path.stem}-{number:03d}.flac", audio[start : start + length], rate)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with speech/, singing/ and target/")
    parser.add_argument("joe", type=Path, help="folder that content_encoder/synthesize.py wrote")
    parser.add_argument("folder", type=Path, help="dataset_raw/")
    a = parser.parse_args(arguments)
    gather(a.data, a.joe, a.folder)


if __name__ == "__main__":
    main()
