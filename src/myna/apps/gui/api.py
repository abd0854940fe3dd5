"""HTTP interface of the studio for other programs, using Gradio's API and `gradio_client`; see docs/studio.md."""

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
from myna.errors import ConfigError
from myna.options import ConversionOptions, TrainOptions, parse_options
from myna.studio import project as projects
from myna.studio import results


def build(studio: Studio) -> None:
    """Register the endpoints; /?view=api of the page shows their documentation."""

    def job_of(number: int) -> Job[Any]:
        job = studio.jobs.get(number)
        if job is None:
            raise ConfigError(f"there is no job {number}")
        return job

    @answered
    def voices() -> list[dict[str, Any]]:
        """List the voices on this computer: their names and origins."""
        return [{"name": voice.name, "origin": str(voice.origin)} for voice in studio.voices.all()]

    @answered
    def convert(song: dict[str, Any], voice: str, options: dict[str, Any]) -> int:
        """Convert a song to a voice and return the number of the job.

        Args:
            song: a file as `gradio_client.handle_file` sends it.
            voice: a name from `/voices`.
            options: values for fields of `myna.ConversionOptions`; the other fields keep their defaults.
        """
        path = studio.uploaded(song.get("path"))
        chosen = parse_options(ConversionOptions, options)
        return submit_song(studio, path, song.get("orig_name") or path.name, voice, chosen).id

    @answered
    def job(number: int) -> dict[str, Any]:
        """Return the progress of a job: `state` (waiting, running, stopping, done, failed, cancelled), `stage`,
        `fraction`, `seconds_left`, `error`."""
        found = job_of(number)
        names = ("title", "stage", "fraction", "seconds_left", "error", "facts")
        return {"state": str(found.state), **{name: getattr(found, name) for name in names}}

    @answered
    def result(number: int) -> dict[str, Any]:
        """Wait for a conversion and return its sound file."""
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
        """Ask a job to stop and return its state."""
        found = job_of(number)
        studio.jobs.cancel(found)
        return str(found.state)

    @answered
    def begin_voice(name: str) -> str:
        """Create a voice to train and return its name."""
        return projects.create(studio.workspace, name).name

    @answered
    def add_recordings(voice: str, recordings: list[dict[str, Any]]) -> list[str]:
        """Add recordings to a voice in training and return the names of the added ones; other files are skipped.

        Args:
            recordings: files as `gradio_client.handle_file` sends them.
        """
        sent = [studio.uploaded(recording.get("path")) for recording in recordings]
        added, _ = projects.find(studio.workspace, voice).add(sent)
        return added

    @answered
    def prepare(voice: str, template: str, settings: dict[str, Any]) -> int:
        """Make clips, configuration and features from a voice's recordings and return the number of the job.

        Args:
            template: a template name, as in `svc pre-config -t`.
            settings: values for keys of "train" in config.json; the other keys keep the template's values.
        """
        return submit_preparation(Scene.of(studio, voice, None), template, settings).id

    @answered
    def train(voice: str, settings: dict[str, Any], options: dict[str, Any]) -> int:
        """Train a prepared voice, from its last checkpoint if there is one, and return the number of the job.

        `/cancel` saves a checkpoint and stops the training.

        Args:
            settings: as for `/prepare`.
            options: values for fields of `myna.options.TrainOptions`.
        """
        if "pretrained_dir" in options:
            raise ConfigError("the page reads no files of this computer; use svc train in a terminal")
        chosen = parse_options(TrainOptions, options)
        return submit_training(Scene.of(studio, voice, None), None, settings, chosen).id

    endpoints = (voices, convert, job, result, cancel, begin_voice, add_recordings, prepare, train)
    for endpoint in endpoints:
        api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)
