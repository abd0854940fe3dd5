"""Where the work of a voice lies, relative to the folder in which it is made: what commands and page take unasked."""

from __future__ import annotations

from pathlib import Path

RECORDINGS = Path("dataset_raw")  # a folder a speaker
CLIPS = Path("dataset/44k")
FILELISTS = Path("filelists/44k")
CONFIG = Path("configs/44k/config.json")
LOGS = Path("logs/44k")
