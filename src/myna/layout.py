"""Default paths of the files of a voice in training, relative to its folder, for commands and page."""

from __future__ import annotations

from pathlib import Path

RECORDINGS = Path("dataset_raw")  # one folder per speaker
CLIPS = Path("dataset/44k")
FILELISTS = Path("filelists/44k")
CONFIG = Path("configs/44k/config.json")
REFINER_CONFIG = Path("configs/44k/diffusion.yaml")
LOGS = Path("logs/44k")
VOCODER_LOGS = Path("logs/vocoder")


def logs_of(config: Path) -> Path | None:
    """Return the model folder of a configuration: `logs/NAME` for `configs/NAME/config.json`, otherwise None."""
    name, configs = config.parent, config.parent.parent
    return configs.parent / LOGS.parent / name.name if configs.name == CONFIG.parent.parent.name else None
