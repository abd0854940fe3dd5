"""Work that both the page and programs ask for."""

from __future__ import annotations

from pathlib import Path

from myna.apps.gui.jobs import Job
from myna.apps.gui.studio import SING, Studio
from myna.errors import ConfigError
from myna.options import ConversionOptions
from myna.studio.results import reserve


def submit_song(studio: Studio, recording: Path, name: str, voice: str, options: ConversionOptions) -> Job:
    """Queue a song to be sung.

    Args:
        recording: an upload.
        name: what it is called.

    Raises:
        ConfigError: there is no such voice, or the options name files of this computer.
        AudioError: the recording cannot be kept until it is its turn.
    """
    singer = studio.voices.find(voice)
    if options.cluster_model_path or Path(options.speaker_mix or "").suffix.lower() in (".csv", ".json"):
        raise ConfigError("the page reads no files of this computer; in a terminal, svc infer does")
    return studio.jobs.submit(
        SING,
        "myna.apps.gui.tasks.singing:convert",
        f"{name} → {singer.name}",
        place=reserve(studio.workspace, recording, name),
        song=name,
        voice=singer,
        folder=studio.workspace.sung,
        options=options,
    )
