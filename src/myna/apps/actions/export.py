"""Export of voices to ONNX."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.actions.pack import CardText
from myna.apps.actions.voice_files import VoiceFiles
from myna.errors import ConfigError

if TYPE_CHECKING:
    from myna.onnx.export import Exported


def export(voice: VoiceFiles, output: Path, card: CardText | None = None) -> Exported:
    """Write a voice as an ONNX graph, and a second graph if the voice uses myna's own content encoder.

    Args:
        output: path of the graph, NAME.onnx.

    Raises:
        ConfigError: `output` does not have the suffix .onnx.
        CheckpointError: the voice cannot be read or exported.
        MissingExtraError: the extra 'onnx' is not installed.
    """
    if output.suffix != ".onnx":
        raise ConfigError(f"{output} must be named NAME.onnx")
    from myna.onnx.export import export as export_voice

    return export_voice(voice.open(), output, **asdict(card or CardText()))
