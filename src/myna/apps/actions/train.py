"""Training of voices, vocoders and refiners."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.actions.device import Device, choose_device
from myna.errors import BusyError, ConfigError
from myna.layout import CONFIG, LOGS, REFINER_CONFIG
from myna.options import RefinerTrainOptions, TrainOptions
from myna.studio.runs import LAST_RUN, Outcome, Run, failed_run, fingerprint, write_run

if TYPE_CHECKING:
    from myna.config import Config
    from myna.training.loop import Listener, Plan, StepReport, TrainSummary
    from myna.zoo.diffusion import RefinerConfig


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
        listen: function that creates the listener of the progress, given the device.
        settings: values for keys of the configuration's section `train`, written to `config.json` before training.

    Raises:
        ConfigError: the configuration is missing or malformed, or there is nothing to train on.
        DeviceError: this machine lacks the device of the options.
        TrainingError: the training diverged; the last good weights are saved.
    """
    from myna.config import Config

    config = Config.read(config_path)
    if settings:
        changed = config.with_values(train=dict(settings))
        if changed != config:
            changed.write(config_path)
        config = changed

    return _train(config, folder, options, listen)


def train_vocoder(
    config_path: Path, folder: Path, vocoder: Path | None, options: TrainOptions, listen: Callable[[Device], Listener]
) -> TrainSummary:
    """Train a vocoder on the prepared clips of a voice; resume from the last checkpoint in `folder` if there is one.

    The configuration of a new training is derived from that of the voice and from the vocoder that training starts
    from. A resumed training uses the `config.json` in `folder`.

    Args:
        config_path: `config.json` of the voice for which the clips were prepared.
        folder: folder of the vocoder, the checkpoints and the log.
        vocoder: file or folder of the vocoder to start from; None searches the places of `assets.find_vocoder_file` or,
            with random weights, uses the sizes of the community's vocoder.
        listen: see `train`.

    Raises:
        AssetError: there is no vocoder to start from.
        ConfigError: the clips do not fit the vocoder, `folder` contains a voice, or as for `train`.
        MynaError: as for `train`.
    """
    from myna.assets import find_vocoder_file
    from myna.config import Config
    from myna.training.vocoder import training_config
    from myna.zoo.vocoders import VocoderConfig, open_vocoder

    own = folder / "config.json"
    if own.exists():
        config = Config.read(own)
        if config.model.synthesizer != "vocoder":
            raise ConfigError(f"{folder} holds a voice; name another folder for the vocoder with -m")
    else:
        base = VocoderConfig()
        if vocoder is not None or not options.from_scratch:
            base = open_vocoder(vocoder or find_vocoder_file()).config
        config = training_config(Config.read(config_path), base, from_scratch=options.from_scratch)
    return _train(config, folder, replace(options, pretrained_dir=vocoder), listen)


def _train(config: Config, folder: Path, options: TrainOptions, listen: Callable[[Device], Listener]) -> TrainSummary:
    from myna.training.train import train as train_network

    device = choose_device(options.device)
    listener = _Recorder(listen(device), config, folder)
    with listener.failures():
        return train_network(config, folder, replace(options, device=device.name), listener)


def read_refiner_config(path: Path) -> RefinerConfig:
    """Read the configuration of a refiner; raise `ConfigError` if there is none, or if it is malformed."""
    from myna.zoo.diffusion import RefinerConfig

    if not path.is_file():
        raise ConfigError(f"there is no {path}; svc pre-config --refiner diffusion writes {REFINER_CONFIG}")
    return RefinerConfig.read(path)


def train_refiner(
    config_path: Path,
    config: RefinerConfig,
    folder: Path,
    options: RefinerTrainOptions,
    listen: Callable[[Device], Listener],
) -> TrainSummary:
    """Train a refiner on the prepared clips of a voice; resume from the last checkpoint in `folder` if there is one.

    Args:
        config_path: path of the refiner's configuration; the voice's `config.json` is beside it.
        config: content of that file.
        folder: folder of the checkpoints and the log.
        listen: function that creates the listener of the progress, given the device.

    Raises:
        The errors of `train`, and `MissingExtraError` if a diffusion is trained without diffusers.
    """
    from myna.config import Config
    from myna.training.refiner import train_refiner

    voice_path = config_path.with_name(CONFIG.name)
    if not voice_path.is_file():
        raise ConfigError(f"there is no {voice_path}, the configuration of the voice; svc pre-config writes it")
    voice = Config.read(voice_path)
    device = choose_device(options.device)
    listener = _Recorder(listen(device), voice, folder)
    with listener.failures():
        return train_refiner(voice, config, folder, replace(options, device=device.name), listener)


class _Recorder:
    """A `Listener` that forwards all calls to another one, and records the run in the folder of the checkpoints."""

    def __init__(self, listener: Listener, config: Config, folder: Path) -> None:
        self._listener = listener
        self._path = folder / LAST_RUN
        self._facts = {"clips": fingerprint(Path(config.data.training_files))}

    def began(self, plan: Plan) -> None:
        write_run(self._path, Run(Outcome.RUNNING, facts=self._facts))  # by now, the folder is locked
        self._listener.began(plan)

    def stepped(self, report: StepReport) -> None:
        self._listener.stepped(report)

    def noted(self, text: str) -> None:
        self._listener.noted(text)

    def ended(self, summary: TrainSummary) -> None:
        outcome = Outcome.DONE if summary.complete else Outcome.STOPPED
        write_run(self._path, Run(outcome, facts=self._facts))
        self._listener.ended(summary)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Record the error that ends the `with` block, except `BusyError`, which concerns another process's run."""
        try:
            yield
        except BusyError:
            raise
        except BaseException as error:
            if self._path.parent.is_dir():
                write_run(self._path, failed_run(error, self._facts))
            raise


def train_project(
    project: Path, settings: Mapping[str, Any], options: TrainOptions, listen: Callable[[Device], Listener]
) -> TrainSummary:
    """Train the voice of a project folder; see `train`.

    During the call, the folder is the working directory, because the paths in a configuration are relative to it.

    Returns:
        The summary; `project` is prepended to the path of its checkpoint.
    """
    with chdir(project):
        summary = train(CONFIG, LOGS, options, listen, settings)
    return replace(summary, path=None if summary.path is None else project / summary.path)
