"""Location of a voice, an argument of most actions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from myna.zoo.opening import OpenedVoice


class VoiceFiles(NamedTuple):
    """Files of a voice."""

    model: Path  # weights, their folder, an address of the hub, or the name of a bundled voice
    config: Path | None = None  # `config.json`; None for the one beside the weights

    def find_weights(self) -> Path:
        """Return the weight file.

        Raises:
            CheckpointError: there is none.
        """
        from myna.voice import find_weights

        return find_weights(self.model)

    def open(self) -> OpenedVoice:
        """Read weights and configuration.

        Raises:
            CheckpointError: the file is not a voice.
            ConfigError: the configuration is missing or malformed.
        """
        from myna.zoo.opening import open_voice

        return open_voice(self.find_weights(), self.config)
