"""The status of a voice in training follows from its files alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from myna.apps.cli.commands import pre_config, pre_hubert, pre_resample, train
from myna.config import Config, TemplateName
from myna.errors import ConfigError
from myna.layout import CLIPS, CONFIG, FILELISTS, LOGS, RECORDINGS
from myna.studio import project as projects
from myna.studio.project import Project, State
from myna.studio.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "studio")
    made.create()
    return made


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def prepare(project: Project, *, clips: int = 3, features: int = 3, **train: Any) -> None:
    for index in range(clips):
        clip = touch(project.folder / CLIPS / project.name / f"{index}.wav")
        if index < features:
            touch(clip.with_name(f"{clip.name}.features.safetensors"))
    listed = "".join(f"{CLIPS.as_posix()}/{project.name}/{index}.wav\n" for index in range(clips - 1))
    touch(project.folder / FILELISTS / "train.txt", listed)
    touch(project.folder / FILELISTS / "val.txt", f"{CLIPS.as_posix()}/{project.name}/{clips - 1}.wav\n")
    Config.template("myna-lite").with_values(train=train).write(project.config)


def test_the_folders_are_the_defaults_of_the_commands() -> None:
    taken = {
        (command.name, parameter.name): parameter.default
        for command in (pre_resample.command, pre_config.command, pre_hubert.command, train.command)
        for parameter in command.params
    }
    assert taken["pre-resample", "input_dir"] == RECORDINGS
    assert taken["pre-resample", "output_dir"] == taken["pre-config", "input_dir"] == taken["pre-hubert", "input_dir"]
    assert taken["pre-config", "input_dir"] == CLIPS
    assert taken["pre-config", "filelist_path"] == FILELISTS
    assert {taken[name, "config_path"] for name in ("pre-config", "pre-hubert", "train")} == {CONFIG}
    assert taken["train", "model_path"] == LOGS


def test_a_voice_is_empty_then_recorded_then_prepared_then_trained(workspace: Workspace) -> None:
    voice = projects.create(workspace, "Anna Bell")
    assert voice.folder == workspace.training / "Anna Bell" and projects.find(workspace, "Anna Bell") == voice
    assert voice.status().state is State.EMPTY
    touch(voice.recordings / "one.wav")
    touch(voice.recordings / ".hidden.wav")
    touch(voice.recordings / "notes.txt")
    assert voice.status().state is State.RECORDED and len(voice.status().recordings) == 1
    prepare(voice, features=2)
    assert not voice.status().prepared, "a clip has no features"
    prepare(voice)
    found = voice.status()
    assert (found.state, found.n_clips, found.n_listed, found.n_features) == (State.PREPARED, 3, 2, 3)
    assert [path.name for path in voice.validation_clips()] == ["2.wav"]
    for number in (0, 250, 1000):
        touch(voice.logs / f"G_{number}.pth", "12345")
        touch(voice.logs / f"D_{number}.pth", "123")
    found = voice.status()
    assert found.state is State.TRAINED and found.unit == "step"
    assert [(save.number, save.bytes) for save in found.checkpoints] == [(250, 8), (1000, 8)]
    assert voice.checkpoint(None).number == 1000
    with pytest.raises(ConfigError, match="it has: 250, 1000"):
        voice.checkpoint(0)


def test_recordings_added_after_preparation_are_detected(workspace: Workspace) -> None:
    voice = projects.create(workspace, "anna")
    touch(voice.recordings / "one.wav")
    prepare(voice)
    os.utime(voice.recordings, (1, 1))
    os.utime(voice.recordings.parent, (1, 1))
    assert not voice.status().changed
    touch(voice.recordings / "two.wav")
    assert voice.status().changed


def test_recordings_get_safe_and_unused_names(workspace: Workspace, tmp_path: Path) -> None:
    voice = projects.create(workspace, "anna")
    sent = [touch(tmp_path / "a" / "Take.WAV", "1"), touch(tmp_path / "b" / "Take.wav", "2")]
    sent += [touch(tmp_path / 'a"<b>.flac'), touch(tmp_path / "notes.txt"), touch(tmp_path / ".x.wav")]
    added, refused = voice.add(sent)
    assert added == ["Take.wav", "Take 2.wav", "a b.flac"]
    assert refused == ["notes.txt", ".x.wav"]
    assert sorted(path.name for path in voice.recordings.iterdir()) == sorted(added)


def test_recordings_taken_out_are_moved_not_deleted(workspace: Workspace) -> None:
    voice = projects.create(workspace, "anna")
    touch(voice.recordings / "deep" / "one.wav", "1")
    touch(voice.recordings / "one.wav", "2")
    voice.take_out("anna/one.wav")
    voice.take_out("anna/deep/one.wav")
    assert not voice.status().recordings
    assert {path.name: path.read_text() for path in (voice.folder / "taken_out").iterdir()} == {
        "one.wav": "2",
        "one 2.wav": "1",
    }
    for other in ("anna/one.wav", "../../x.wav", "/etc/passwd"):
        with pytest.raises(ConfigError, match="no recording"):
            voice.take_out(other)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="its file system has no such names")
def test_a_recording_whose_name_is_not_utf_8_is_taken_out_by_its_printable_name(workspace: Workspace) -> None:
    voice = projects.create(workspace, "anna")
    touch(voice.recordings / os.fsdecode(b"\x83O.wav"))
    voice.take_out(r"anna/\udc83O.wav")
    assert [os.fsencode(path.name) for path in (voice.folder / "taken_out").iterdir()] == [b"\x83O.wav"]


def test_names_are_unique_and_stay_inside_the_folder(workspace: Workspace) -> None:
    voice = projects.create(workspace, "../anna")
    assert voice.folder == workspace.training / "anna"
    with pytest.raises(ConfigError, match="already"):
        projects.create(workspace, "ANNA")
    for name in (None, "", "..", "nobody", "../voices"):
        with pytest.raises(ConfigError, match="there are: anna"):
            projects.find(workspace, name)
    projects.create(workspace, "boris")
    os.utime(voice.folder, (1, 1))
    os.utime(voice.recordings, (1, 1))
    latest = projects.latest(workspace)
    assert latest is not None and latest.name == "boris"


def test_a_broken_configuration_is_reported_in_the_status(workspace: Workspace) -> None:
    voice = projects.create(workspace, "anna")
    touch(voice.config, '{"train": {"epochs": "many"}}')
    found = voice.status()
    assert found.config is None and found.problem is not None and "epochs" in found.problem


@pytest.mark.parametrize("name", get_args(TemplateName))
def test_the_template_of_a_configuration_is_recognized(name: TemplateName) -> None:
    config = Config.template(name).with_values(spk={"anna": 0}, train={"epochs": 7}, model={"n_speakers": 300})
    assert config.kind == name
    assert config.with_values(model={"hidden_channels": 7}).kind is None


def test_a_comparison_without_its_audio_is_none(workspace: Workspace, tmp_path: Path) -> None:
    voice = projects.create(workspace, "anna")
    assert voice.comparison is None
    sound = touch(tmp_path / "sung.wav")
    touch(voice.comparison_path, f'{{"comparison": {{"tracks": [{{"path": "{sound.as_posix()}"}}]}}}}')
    assert voice.comparison is not None
    sound.unlink()
    assert voice.comparison is None
