"""Loading of a voice for live conversion, within the session's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from myna.apps.gui.live.messages import OpenedVoice
from myna.studio.voices import LibraryVoice

if TYPE_CHECKING:
    from myna.realtime.interface import LiveSettings


def open_voice(voice: LibraryVoice, settings: LiveSettings, block_seconds: float | None) -> OpenedVoice:
    """Load a voice, open a stream that converts to it, and measure whether this computer is fast enough.

    Args:
        block_seconds: length of the blocks; None chooses the shortest length for which this computer is fast enough.

    Raises:
        CheckpointError: the files are not a voice.
        ConfigError: the voice does not support the settings.
        DeviceError: this computer is too slow.
    """
    from dataclasses import replace

    from myna.apps.actions.device import choose_device
    from myna.apps.actions.live import live_options_for
    from myna.conversion.converter import Converter
    from myna.conversion.settings import ConversionSettings
    from myna.realtime.stream import open_stream
    from myna.realtime.warm_up import warm_up

    device = choose_device().name
    converter = Converter.load(voice.path, voice.config, device)
    speakers = {"speaker": settings.speaker, "speaker_mix": settings.speaker_mix}
    options, _ = live_options_for(converter.voice, speakers, converter.voice.defaults)
    if options.cluster_infer_ratio and voice.retrieval is not None:
        options = replace(options, cluster_model_path=voice.retrieval)
    ready = warm_up(lambda seconds: open_stream(converter.voice, options, settings, seconds, device), block_seconds)
    return OpenedVoice(
        ready.stream,
        converter.voice_name(options),
        ConversionSettings.resolve(converter.voice.config, converter.voice.path, options).voice_pitch,
        ready.block_seconds,
        ready.reserve_seconds,
    )
