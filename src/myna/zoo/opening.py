"""From a file of any family to a configuration and a synthesizer that fit each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.families import AnySynthesizer
from myna.zoo import derivation, sovits
from myna.zoo.recognition import Family, Recognised, recognise


@dataclass(frozen=True)
class OpenedVoice:
    """A voice's file and its configuration, made to agree."""

    path: Path
    recognised: Recognised
    config: Config
    remarks: list[str] = field(default_factory=list)  # what the configuration said wrongly, or did not say

    def build(self) -> AnySynthesizer:
        """The synthesizer with its weights.

        Raises:
            CheckpointError: they are not those of such a model; every mismatch is listed.
        """
        try:
            return sovits.build(self.recognised.weights, self.config)
        except CheckpointError as error:
            raise CheckpointError(f"{self.path}: {error}") from error


def open_voice(path: Path, config_path: Path | None = None) -> OpenedVoice:
    """Open a file of weights.

    Args:
        path: of the weights.
        config_path: its `config.json`; None is the one beside the weights, if there is one.

    Raises:
        CheckpointError: the file is not a voice that sings here; it says what it is.
        ConfigError: the configuration that was named is not there or malformed, or one is needed and there is none.
    """
    recognised = recognise(path)  # first: what is no voice at all says more than a configuration that does not fit
    remarks = []
    given = None
    beside = path.with_name("config.json")
    if config_path is not None or beside.exists():
        try:
            given = Config.read(config_path or beside)
        except ConfigError as error:
            if config_path is not None:
                raise
            remarks.append(f"not used: {error}")
    try:
        config, more = _CONFIGURATIONS[recognised.family](recognised, given)
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise CheckpointError(f"{path} is not whole: its tensors do not make a voice ({error})") from error
    return OpenedVoice(path, recognised, config, [*remarks, *more])


def _sovits_config(found: Recognised, given: Config | None) -> tuple[Config, list[str]]:
    config, remarks = derivation.merge(derivation.derive(found.weights), given)
    if given is None:
        remarks.append(
            "there is no config.json: all was told by the weights, but the names of the speakers, "
            f"and that the content encoder is {config.content_encoder}"
        )
    return config, remarks


def _own_config(found: Recognised, given: Config | None) -> tuple[Config, list[str]]:
    if given is None:
        raise ConfigError("a voice of myna-lite needs its config.json; put it beside the weights, or name it with -c")
    return given, []


_Configure = Callable[[Recognised, Config | None], tuple[Config, list[str]]]
_CONFIGURATIONS: Mapping[Family, _Configure] = {"so-vits-svc": _sovits_config, "myna": _own_config}
