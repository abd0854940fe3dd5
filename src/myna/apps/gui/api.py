"""The studio for programs: what the page does, over Gradio's HTTP interface and `gradio_client`; see docs/studio.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio.data_classes import FileData
from gradio.events import api

from myna.apps.gui.jobs import Job, JobState
from myna.apps.gui.studio import Studio, answered
from myna.apps.gui.submissions import submit_song
from myna.apps.gui.tabs.voice.parts import Scene
from myna.apps.gui.tabs.voice.preparing import submit_preparation
from myna.apps.gui.tabs.voice.training import submit_training
from myna.apps.gui.widgets import collect
from myna.errors import ConfigError
from myna.options import ConversionOptions, TrainOptions
from myna.studio import project as projects
from myna.studio import results


def build(studio: Studio) -> None:
    """Offer the endpoints; each is documented at /?view=api of the page."""

    def job_of(number: int) -> Job:
        job = studio.jobs.get(number)
        if job is None:
            raise ConfigError(f"there is no job {number}")
        return job

    @answered
    def voices() -> list[dict[str, Any]]:
        """The voices on this computer: their names, and where they come from."""
        return [{"name": voice.name, "origin": str(voice.origin)} for voice in studio.voices.all()]

    @answered
    def convert(song: dict[str, Any], voice: str, options: dict[str, Any]) -> int:
        """Sing a song in a voice; the number of the job.

        Args:
            song: a file as `gradio_client.handle_file` sends it.
            voice: a name of `/voices`.
            options: fields of `myna.ConversionOptions` that are not to have their defaults, by name.
        """
        path = studio.uploaded(song.get("path"))
        chosen = collect(ConversionOptions, options)
        return submit_song(studio, path, song.get("orig_name") or path.name, voice, chosen).id

    @answered
    def job(number: int) -> dict[str, Any]:
        """How far a job is: `state` (waiting, running, stopping, done, failed, cancelled), `stage`, `fraction`,
        `seconds_left`, `error`."""
        found = job_of(number)
        names = ("title", "stage", "fraction", "seconds_left", "error", "facts")
        return {"state": str(found.state), **{name: getattr(found, name) for name in names}}

    @answered
    def result(number: int) -> dict[str, Any]:
        """The sound file of a conversion that is done; waits for one that is not."""
        found = job_of(number)
        found.ended.wait()
        if found.state is not JobState.DONE:
            raise ConfigError(found.error or "the job was cancelled")
        sung = results.find(studio.workspace, found.result) if isinstance(found.result, int) else None
        if sung is None:
            raise ConfigError(f"job {number} has no sound file, or it has been deleted")
        return FileData(path=str(sung.path), orig_name=Path(sung.path).name).model_dump()

    @answered
    def cancel(number: int) -> str:
        """Stop a job; its state then."""
        found = job_of(number)
        studio.jobs.cancel(found)
        return str(found.state)

    @answered
    def begin_voice(name: str) -> str:
        """Begin a voice that is to be trained; what it is called here."""
        return projects.create(studio.workspace, name).name

    @answered
    def add_recordings(voice: str, recordings: list[dict[str, Any]]) -> list[str]:
        """Give recordings to a voice in training; the names of those that are sound.

        Args:
            recordings: files as `gradio_client.handle_file` sends them.
        """
        sent = [studio.uploaded(recording.get("path")) for recording in recordings]
        added, _ = projects.find(studio.workspace, voice).add(sent)
        return added

    @answered
    def prepare(voice: str, template: str, settings: dict[str, Any]) -> int:
        """Make clips, configuration and features of a voice's recordings; the number of the job.

        Args:
            template: as `svc pre-config -t` takes it.
            settings: keys of "train" in config.json that are not to be the template's.
        """
        return submit_preparation(Scene.of(studio, voice, None), template, settings).id

    @answered
    def train(voice: str, settings: dict[str, Any], options: dict[str, Any]) -> int:
        """Train a voice that is prepared, or go on with it; the number of the job, whose `cancel` saves.

        Args:
            settings: as for `/prepare`.
            options: fields of `myna.options.TrainOptions`, by name.
        """
        if "pretrained_dir" in options:
            raise ConfigError("the page reads no files of this computer; in a terminal, svc train does")
        chosen = collect(TrainOptions, options)
        return submit_training(Scene.of(studio, voice, None), None, settings, chosen).id

    endpoints = (voices, convert, job, result, cancel, begin_voice, add_recordings, prepare, train)
    for endpoint in endpoints:
        api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)
