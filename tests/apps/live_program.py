"""`svc live` with a voice that only delays, because a busy machine cannot run a network in real time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from myna.apps.actions.live import LiveVoice
from myna.apps.actions.voice_files import VoiceFiles
from myna.apps.cli import live_typing, main
from myna.apps.cli.commands import live
from myna.errors import CheckpointError
from myna.options import ConversionOptions, LiveOptions
from myna.realtime.interface import LiveSettings
from myna.realtime.statistics import ComputeTimes
from myna.realtime.warm_up import WarmUp
from realtime.simulated_card import Delay

RATE, DELAY_SECONDS = 44100, 0.2


class Voice(Delay):
    """A stream with settings."""

    def change(self, settings: LiveSettings) -> None:
        pass


def load(files: VoiceFiles, given: Mapping[str, Any], options: LiveOptions, device: str) -> LiveVoice:
    if files.model.suffix == ".pth":
        raise CheckpointError(f"there is no file {files.model}")
    stream = Voice(RATE, round(DELAY_SECONDS * RATE))
    ready = WarmUp(stream, options.block_seconds or 0.1, 0.3, ComputeTimes())
    return LiveVoice(str(files.model), ConversionOptions(**given), {}, None, ready)


if __name__ == "__main__":
    live.load_live_voice = live_typing.load_live_voice = load
    main(["live", *sys.argv[1:]])
