"""Comparison of a configuration with the voice whose checkpoints are in a folder.

The weights of a voice identify speakers by row. Only the `config.json` beside the checkpoints has the speakers' names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from myna.config import Config
from myna.errors import ConfigError
from myna.storage import checkpoint

_FILE = "config.json"


def trained_config(folder: Path) -> Config | None:
    """Read the configuration of the voice trained in `folder`.

    Returns:
        The configuration; None if the folder has no checkpoints or no configuration.

    Raises:
        ConfigError: the configuration cannot be read.
    """
    numbers = checkpoint.numbered(folder).keys() - {0}  # base weights have the number 0
    if not numbers or not (folder / _FILE).exists():
        return None
    try:
        return Config.read(folder / _FILE)
    except ConfigError as error:
        raise ConfigError(
            f"{error}; it has the names of the speakers trained in {folder}: correct it, or move it away to train "
            "without this check"
        ) from error


def check_same_voice(config: Config, folder: Path, rows: Iterable[int]) -> str | None:
    """Check that the voice in `folder` can be trained further with `config`.

    Args:
        rows: indices of the speakers with training clips.

    Returns:
        A note about trained speakers without clips; None if there are none.

    Raises:
        ConfigError: the folder contains another voice; the message names the difference and a way to train both voices.
    """
    trained = trained_config(folder)
    if trained is None:
        return None
    rows = set(rows)
    now = [name for name, row in config.speakers.items() if row in rows]
    new = next((name for name in now if name not in trained.speakers), "another")
    elsewhere = f"in another folder with -m {folder.parent / new}"
    for name, value, before in (
        ("content encoder", config.content_encoder, trained.content_encoder),
        ("data.sampling_rate", config.data.sample_rate, trained.data.sample_rate),
        ("data.hop_length", config.data.hop_length, trained.data.hop_length),
    ):
        if value != before:
            raise ConfigError(
                f"{folder} holds a voice whose {name} is {before}, but the configuration has {value}: change it back, "
                f"or train {elsewhere}"
            )
    names = {row: name for name, row in trained.speakers.items()}
    for name, row in config.speakers.items():
        if trained.speakers.get(name, row) != row:
            fact = f"{name} as speaker {trained.speakers[name]}"
        elif name not in trained.speakers and row in names:
            fact = f"{names[row]} as speaker {row}"
        else:
            continue
        raise ConfigError(
            f"{folder} was trained with {fact}, but the configuration has {name} as speaker {row}: run svc pre-config "
            f"-m {folder}, which keeps the numbers of trained speakers, or train {elsewhere}"
        )
    absent = [name for row, name in sorted(names.items()) if row not in rows]
    listed = " and ".join(absent)
    if absent and len(absent) == len(names):
        raise ConfigError(
            f"{folder} holds a voice of {listed}, but there are no clips of {listed}: train {' and '.join(now)} "
            f"{elsewhere}, or add recordings of {listed} again"
        )
    return f"{listed}: trained in {folder}, but without clips now; the voice keeps the row" if absent else None


def with_trained_speakers(config: Config, folder: Path, rows: Iterable[int]) -> Config:
    """Return a copy of `config` with the names of the speakers in `rows` and of those trained in `folder` before."""
    trained = trained_config(folder)
    before = trained.speakers if trained is not None else {}
    rows = set(rows)
    now = {name: row for name, row in config.speakers.items() if row in rows or name in before}
    plain = config.plain() | {"spk": dict(sorted((before | now).items(), key=lambda item: item[1]))}
    pitch = (trained.plain().get("pitch", {}) if trained is not None else {}) | plain.get("pitch", {})
    if pitch:
        plain["pitch"] = {name: one for name, one in pitch.items() if name in plain["spk"]}
    return Config.parse(plain)
