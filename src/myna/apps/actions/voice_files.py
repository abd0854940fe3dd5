"""Paths of a voice's files, an argument of most actions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from myna.zoo.opening import OpenedVoice


class VoiceFiles(NamedTuple):
    """Paths of a voice's files."""

    model: Path  # weights file, folder of weights, address on the hub, or name of a bundled voice
    config: Path | None = None  # path of `config.json`; None uses the one beside the weights

    def find_weights(self) -> Path:
        """Return the path of the weights file; download it first if it is on the hub.

        Raises:
            CheckpointError: there is no weights file.
        """
        from myna.voice import find_weights

        return find_weights(self.model)

    def open(self) -> OpenedVoice:
        """Read the weights and the configuration.

        Raises:
            CheckpointError: the file is not a voice.
            ConfigError: the configuration is missing or malformed.
        """
        from myna.zoo.opening import open_voice

        return open_voice(self.find_weights(), self.config)
