"""Training of a voice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.actions.device import Device, choose_device
from myna.layout import CONFIG, LOGS
from myna.options import TrainOptions

if TYPE_CHECKING:
    from myna.training.train import Listener, TrainSummary


def train(
    config_path: Path,
    folder: Path,
    options: TrainOptions,
    listen: Callable[[Device], Listener],
    settings: Mapping[str, Any] | None = None,
) -> TrainSummary:
    """Train a voice on its prepared clips; resume from the last checkpoint in `folder` if there is one.

    Args:
        config_path: the voice's `config.json`.
        folder: folder of the checkpoints and the log.
        listen: function that takes the device of the training, and returns a listener to its progress.
        settings: values for keys of the configuration's section `train`, written to `config.json` before training.

    Raises:
        ConfigError: the configuration is missing or malformed, or there is nothing to train on.
        TrainingError: the training diverged; the last good weights are saved.
    """
    from myna.config import Config

    config = Config.read(config_path)
    if settings:
        changed = config.with_values(train=dict(settings))
        if changed != config:
            changed.write(config_path)
        config = changed

    from myna.training.train import train as train_voice

    device = choose_device(options.device)
    return train_voice(config, folder, replace(options, device=device.name), listen(device))


def train_project(
    project: Path, settings: Mapping[str, Any], options: TrainOptions, listen: Callable[[Device], Listener]
) -> TrainSummary:
    """Train the voice of a project folder; see `train`.

    During the call, the folder is the working directory, because the paths in a configuration are relative to it.

    Returns:
        The summary; the path of its checkpoint includes `project`.
    """
    with chdir(project):
        summary = train(CONFIG, LOGS, options, listen, settings)
    return replace(summary, path=None if summary.path is None else project / summary.path)
