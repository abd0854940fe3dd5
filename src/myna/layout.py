"""Default paths of the files of a voice in training, relative to its folder, for the commands and the page."""

from __future__ import annotations

from pathlib import Path

RECORDINGS = Path("dataset_raw")  # one folder per speaker
CLIPS = Path("dataset/44k")
FILELISTS = Path("filelists/44k")
CONFIG = Path("configs/44k/config.json")
LOGS = Path("logs/44k")
