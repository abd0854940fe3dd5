"""Submission of jobs, shared by the page and the HTTP interface (`api`)."""

from __future__ import annotations

from pathlib import Path

from myna.apps.gui.jobs import Job
from myna.apps.gui.studio import SING, Studio
from myna.apps.gui.tasks.singing import ConvertSong
from myna.errors import ConfigError
from myna.options import ConversionOptions
from myna.studio.results import reserve


def submit_song(studio: Studio, recording: Path, name: str, voice: str, options: ConversionOptions) -> Job[int]:
    """Queue the conversion of an uploaded song.

    Args:
        recording: the uploaded file.
        name: name of the song that the user sees.
        voice: name of a voice in the library.

    Raises:
        ConfigError: there is no such voice, or the options name files of this computer.
        AudioError: the recording cannot be copied.
    """
    found = studio.voices.find(voice)
    if options.cluster_model_path or Path(options.speaker_mix or "").suffix.lower() in (".csv", ".json"):
        raise ConfigError("the page reads no files of this computer; use svc infer in a terminal")
    task = ConvertSong(
        voice=found,
        place=reserve(studio.workspace, recording, name),
        song=name,
        folder=studio.workspace.sung,
        options=options,
    )
    return studio.jobs.submit(SING, task, f"{name} → {found.name}")
