"""Loading of a voice for live conversion, within the session's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from myna.apps.gui.live.messages import OpenedVoice
from myna.studio.voices import LibraryVoice

if TYPE_CHECKING:
    from myna.realtime.interface import LiveSettings


def open_voice(voice: LibraryVoice, settings: LiveSettings, block_seconds: float) -> OpenedVoice:
    """Load a voice, and open a stream that converts to it.

    Raises:
        CheckpointError: the files are not a voice.
        ConfigError: the voice does not support the settings.
    """
    from myna.apps.actions.convert import options_for
    from myna.apps.actions.device import choose_device
    from myna.conversion.settings import ConversionSettings
    from myna.realtime.stream import open_stream
    from myna.voice import Voice

    loaded = Voice.load(voice.path, voice.config, choose_device().name)
    options, _ = options_for(loaded, {"speaker": settings.speaker, "speaker_mix": settings.speaker_mix})
    resolved = ConversionSettings.resolve(loaded.config, loaded.path, options)
    stream = open_stream(loaded, options, settings, block_seconds=block_seconds)
    return OpenedVoice(stream, loaded.path.name, resolved.voice_pitch)
