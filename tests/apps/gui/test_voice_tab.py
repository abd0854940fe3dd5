"""The training tab without a browser: its texts about files and jobs, and that names stay plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

from myna.apps.gui.jobs import Job, Jobs, JobState
from myna.apps.gui.studio import LANES, LEARN, Studio
from myna.apps.gui.tabs.voice import comparing, drawing, packing, parts, preparing, recording, recordings, training
from myna.apps.gui.tabs.voice.parts import Scene
from myna.apps.gui.tabs.voice.settings import arithmetic_html, check_template, schedule_of
from myna.apps.gui.tasks.learning import Prepare, ProjectTask, Train, TrainingResult
from myna.apps.gui.texts import LANGUAGES, texts
from myna.config import Config
from myna.errors import ConfigError
from myna.layout import CLIPS, FILELISTS
from myna.options import TrainOptions
from myna.studio import project as projects
from myna.studio.project import Project, State
from myna.studio.voices import Library
from myna.studio.workspace import Workspace

SETTINGS: dict[str, Any] = {"batch_size": 4, "epochs": 100, "log_interval": 10, "eval_interval": 50}
TASKS: dict[str, Callable[[Path], ProjectTask[Any]]] = {
    "prepare": lambda folder: Prepare(folder=folder, template=None, settings={}),
    "train": lambda folder: Train(folder=folder, settings={}, options=TrainOptions()),
}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    workspace = Workspace(tmp_path / "studio")
    workspace.create()
    jobs = Jobs(LANES)
    yield Studio(workspace, Library(workspace), jobs, tmp_path / "uploads")
    jobs.close()


@pytest.fixture
def project(studio: Studio) -> Project:
    return projects.create(studio.workspace, "Anna")


def scene(studio: Studio, project: Project) -> Scene:
    return Scene.of(studio, project.name, None)


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def prepare(project: Project, clips: int = 10, **train: Any) -> None:
    touch(project.recordings / "one.wav")
    for index in range(clips):
        touch(project.folder / CLIPS / "Anna" / f"{index}.wav")
        touch(project.folder / CLIPS / "Anna" / f"{index}.wav.features.safetensors")
    listed = "".join(f"{CLIPS.as_posix()}/Anna/{index}.wav\n" for index in range(clips))
    touch(project.folder / FILELISTS / "train.txt", listed)
    touch(project.folder / FILELISTS / "val.txt", listed.splitlines()[0] + "\n")
    Config.template("myna-lite").with_values(train=train).write(project.config)


def add_job(studio: Studio, project: Project, task: str, state: JobState, **values: Any) -> Job[Any]:
    """Add a job that never runs."""
    number = len(studio.jobs.all()) + 1
    job = Job(number, LEARN, TASKS[task](project.folder), f"{project.name}: {task}", state, **values)
    if state.over:
        job.ended.set()
    studio.jobs._jobs[number] = job
    return job


def test_every_text_of_the_tab_is_there_in_every_language() -> None:
    used = set()
    for path in Path(parts.__file__).parent.glob("*.py"):
        used |= {f"voice.{key}" for key in re.findall(r'scene\.say\(\s*"([\w./-]+)"', path.read_text("utf-8"))}
        used |= set(re.findall(r'"(voice\.[\w./-]+)"', path.read_text("utf-8")))
    assert len(used) > 80
    for language in LANGUAGES:
        assert used <= texts(language).keys()
    ours = ("voice.", "booth.", "melody.", "hint.", "problem.")
    said = {language: {key for key in texts(language) if key.startswith(ours)} for language in LANGUAGES}
    assert said["en"] == said["ko"]
    for key in said["en"]:
        assert set(re.findall(r"\{(\w+)", texts("en")[key])) == set(re.findall(r"\{(\w+)", texts("ko")[key])), key


def test_headings_show_progress(studio: Studio, project: Project) -> None:
    assert recordings.how_far(scene(studio, project)) == "" and parts.next_step(State.EMPTY) == 1
    prepare(project)
    assert recordings.how_far(scene(studio, project)) == "1 files"
    assert preparing.how_far(scene(studio, project)) == "10 clips"
    touch(project.logs / "G_250.pth")
    assert training.how_far(scene(studio, project)) == "step 250 saved"
    running = add_job(studio, project, "train", JobState.RUNNING)
    assert training.how_far(scene(studio, project)) == "starting"
    running.facts["step"] = {"step": 1300, "epoch": 3, "losses": {"mel": 0.51234}}
    assert training.how_far(scene(studio, project)) == "step 1,300"


def test_the_arithmetic_of_the_article(studio: Studio, project: Project) -> None:
    prepare(project, clips=200)
    config = Config.template("so-vits-svc-4.0v1")
    chosen = {**SETTINGS, "batch_size": 20}
    schedule = schedule_of(scene(studio, project).standing, config, chosen, 0.5)
    assert schedule is not None
    assert (schedule.steps_per_epoch, schedule.steps, schedule.seconds) == (10, 1000, 500)
    text = arithmetic_html(
        scene(studio, project), ("so-vits-svc-4.0v1", chosen, TrainOptions(max_minutes=30)), seconds_per_step=0.5
    )
    for part in ("200 clips, 20 per step: 10 steps per epoch", "1,000 steps", "2,000 epochs", "8:20", "30 minutes"):
        assert part in text
    auto = schedule_of(scene(studio, project).standing, config, {**SETTINGS, "batch_size": "auto"}, None)
    assert auto is not None and auto.batch_size == 8


def test_without_recordings_no_steps_are_counted(studio: Studio, project: Project) -> None:
    text = arithmetic_html(scene(studio, project), ("myna-lite", SETTINGS, TrainOptions()), None)
    assert "counted here" in text
    with pytest.raises(ConfigError, match="Prepare the recordings first"):
        check_template(scene(studio, project), "myna-lite")


def test_training_needs_a_preparation_for_its_template(studio: Studio, project: Project) -> None:
    prepare(project)
    assert check_template(scene(studio, project), "myna-lite").content_encoder == "myna-content-1"
    assert check_template(scene(studio, project), None) is not None
    with pytest.raises(ConfigError, match="prepare it again for quickvc"):
        check_template(scene(studio, project), "quickvc")


def test_names_stay_text(studio: Studio, project: Project) -> None:
    touch(project.recordings / "<img src=x onerror=alert(1)>.wav")
    name = "Anna/<img src=x onerror=alert(1)>.wav"
    row = {"error": "<i>broken", "problems": [], "serious": True, "clips": 0, "seconds": 0.0, "kind": None}
    touch(project.checked_path, "")
    project.checked_path.write_text(json.dumps({name: row}), "utf-8")
    shown = recordings.table_html(scene(studio, project))
    assert "<img" not in shown and "<i>" not in shown and "&lt;i&gt;broken" in shown
    add_job(studio, project, "train", JobState.FAILED, error="<script>")
    assert "<script>" not in training.status_html(scene(studio, project))
    found = {"rows": [["<b>", "1", "2", "-"]], "saves": ["<u>1", "2"], "not_measured": {"<s>": "x"}, "failures": []}
    assert not re.search(r"<[bus]>", comparing.table_html(scene(studio, project), found))
    assert "<u>" not in drawing.figures_html({"<u>": [(1, 2.0)]})


def test_recordings_with_problems_come_first_and_count_towards_the_aim(studio: Studio, project: Project) -> None:
    rows: dict[str, Any] = {
        "Anna/a.wav": {"error": None, "problems": [], "serious": False, "clips": 2, "seconds": 12.0, "kind": "spoken"},
        "Anna/b.wav": {
            **{"error": None, "serious": True, "clips": 1, "seconds": 3.0, "kind": "sung"},
            "problems": [["too_quiet", {"level_dbfs": -50.2}]],
        },
        "Anna/gone.wav": {"error": None, "problems": [], "serious": False, "clips": 9, "seconds": 9.0, "kind": "sung"},
    }
    project.checked_path.write_text(json.dumps(rows), "utf-8")
    for name in ("a.wav", "b.wav", "new.wav"):
        touch(project.recordings / name)
    shown = recordings.table_html(scene(studio, project))
    assert shown.index("b.wav") < shown.index("a.wav") < shown.index("new.wav")
    assert "very quiet (-50 dB)" in shown and "1 recordings are still" in shown
    aims = recordings.aims_html(scene(studio, project))
    assert "2 / 150" in aims and "1 / 50" in aims and "0:15 / 5:00" in aims


def test_the_summary_of_a_training(studio: Studio, project: Project) -> None:
    prepare(project)
    summary = TrainingResult(steps=11, step=16, skipped=2, seconds=53.0, complete=False, path=Path("x"))
    done = add_job(studio, project, "train", JobState.DONE, result=summary)
    shown = training.status_html(scene(studio, project))
    assert "Stopped and saved at step 16, after 11 steps in 0:53" in shown and "2 steps were skipped" in shown
    done.result = replace(summary, steps=0)
    assert "all 16 steps are done" in training.status_html(scene(studio, project))
    other = projects.create(studio.workspace, "Boris")
    prepare(other)
    add_job(studio, project, "prepare", JobState.RUNNING)
    add_job(studio, other, "train", JobState.WAITING)
    assert "begins after “Anna: prepare”" in training.status_html(scene(studio, other))
    assert scene(studio, other).busy(Train) and not scene(studio, project).busy(Train)


def test_a_voice_is_packed_under_a_name_that_is_free(studio: Studio, project: Project) -> None:
    path = packing.packed_path(scene(studio, project), "../Anna")
    assert path == studio.workspace.voices / "Anna" / "Anna.safetensors"
    path.parent.mkdir()
    with pytest.raises(ConfigError, match="called Anna already"):
        packing.packed_path(scene(studio, project), "Anna")


def test_only_recordings_offered_by_the_page_are_compared(studio: Studio, project: Project) -> None:
    prepare(project)
    here = scene(studio, project)
    offered = [value for _, value in comparing.phrases(here)]
    assert offered == ["clip:0.wav", "bundled", "sent"]
    assert comparing._phrase(here, "clip:0.wav", None)[0].name == "0.wav"
    assert comparing._phrase(here, "bundled", None)[0].is_file()
    for what, path in (("clip:../../x.wav", None), (None, None), ("sent", None), ("sent", "/etc/passwd")):
        with pytest.raises(ConfigError):
            comparing._phrase(here, what, path)


def test_the_best_of_a_measure_is_bold(studio: Studio, project: Project) -> None:
    found: dict[str, Any] = {
        "rows": [["character error rate", "0.2", "0.1", "-"], ["DNSMOS voice", "3.1", "3.1", "-"]],
        **{"saves": ["Step 1", "Step 2"], "not_measured": {}, "failures": []},
    }
    shown = comparing.table_html(scene(studio, project), found)
    assert "<td class=best>0.1</td>" in shown and "best>3.1" not in shown


def test_prompts_go_round_and_takes_are_named_after_them(studio: Studio, project: Project) -> None:
    first = recording.prompt_of("spoken", 1, "alto", None)
    assert recording.prompt_of("spoken", recording.total("spoken") + 1, "alto", None) == first
    assert recording.prompt_of("sung", 0, "alto", None).number == recording.total("sung")
    assert recording.take_name(7, "Rice is often served in round bowls.") == "007 Rice is often served in round"
    for number in (1, 2, 4):
        touch(project.recordings / "spoken" / f"{recording.take_name(number, 'some words')}.wav")
    touch(project.recordings / "3 is not a take of ours.wav")
    standing = project.status()
    assert recording.recorded(standing.recordings, "spoken") == {1, 2, 4}
    assert recording.next_prompt(standing, "spoken", 0, "alto", None).number == 3
    assert recording.next_prompt(standing, "spoken", 3, "alto", None).number == 5
    assert recording.next_prompt(standing, "sung", 0, "bass", None).number == 1


def test_curves_are_drawn_to_the_last_point() -> None:
    points = [(float(step), 1 / step) for step in range(1, 2001)]
    shown = drawing.curve_svg(points, "loss")
    assert shown.count("<polyline") == 2 and len(shown) < 12_000
    assert ">2,000<" in shown and "nan" not in shown
    flat = drawing.curve_svg([(1.0, 0.0), (2.0, 0.0), (3.0, float("nan"))], "flat")
    assert "nan" not in flat and "inf" not in flat
    assert "<circle" in drawing.curve_svg([(5.0, 1.0)], "one")
    assert drawing.figures_html({"none": []}) == ""
