"""Step 1: upload or record audio, and show problems of the recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, get_args

import gradio as gr

from myna.apps.gui.jobs import Job
from myna.apps.gui.panel import duration
from myna.apps.gui.studio import LOOK, QUIET, Studio, shows_errors
from myna.apps.gui.tabs.voice import recording
from myna.apps.gui.tabs.voice.parts import Part, Scene, section, view
from myna.apps.gui.tabs.voice.settings import Fields
from myna.apps.gui.tasks.learning import CheckRecordings
from myna.apps.gui.texts import label, say
from myna.layout import RECORDINGS
from myna.studio.dataset import Aim
from myna.studio.project import TAKEN_OUT, Project
from myna.studio.take_report import Kind
from myna.text import printable

Row = Mapping[str, Any]

# There is one listener on the container instead of one per button, because each update replaces the buttons.
_SCRIPT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-recording]");
  if (button) trigger("click", { recording: button.dataset.recording });
});
"""


@dataclass
class _Check:
    """Background check of a voice's recordings."""

    names: tuple[str, ...] | None = None  # recordings that existed at the last check; None if it was incomplete
    job: Job[int] | None = None

    def look(self, scene: Scene) -> None:
        """Start a check if the recordings have changed; never block."""
        if self.job is not None and self.job.state.over:
            if self.job.result:  # the number of recordings that are still unchecked
                self.names = None
            self.job = None
        names = tuple(str(path) for path in scene.standing.recordings)
        if self.job is None and names != self.names:
            self.names = names
            self.job = scene.studio.jobs.submit(LOOK, CheckRecordings(scene.project.folder), "check")


def build(studio: Studio, number: int, chosen: gr.Dropdown, shared: Fields) -> Part:
    checks: dict[Project, _Check] = {}
    with section(number, "step_recordings") as heading:
        gr.Markdown(label("voice.recordings_what"))
        aims = view("voice-aims", _AIMS_CSS)
        with gr.Row():
            files = gr.File(
                label=label("voice.files"), file_count="multiple", type="filepath", height=150, elem_id="voice-files"
            )
            folder = gr.File(
                label=label("voice.folder"),
                file_count="directory",
                type="filepath",
                height=150,
                elem_id="voice-folder",
            )
        recording.build(studio, chosen)
        table = view("voice-recordings", _TABLE_CSS, js_on_load=_SCRIPT)

    @shows_errors
    def add(voice: str | None, sent: list[str] | None, request: gr.Request) -> None:
        scene = Scene.of(studio, voice, request)
        added, refused = scene.project.add([studio.uploaded(path) for path in sent or []])
        if added:
            gr.Info(escape(say(request, "voice.added", count=len(added))), duration=5)
        if refused:
            shown = ", ".join(refused[:5]) + (", ..." if len(refused) > 5 else "")
            gr.Warning(escape(say(request, "voice.refused", count=len(refused), names=shown)))

    @shows_errors
    def take_out(voice: str | None, event: gr.EventData, request: gr.Request) -> str:
        scene = Scene.of(studio, voice, request)
        scene.project.take_out(str(event.recording))
        gr.Info(escape(scene.say("taken_out", folder=scene.project.folder / TAKEN_OUT)), duration=8)
        return table_html(Scene.of(studio, voice, request))

    def look(scene: Scene) -> list[Any]:
        checks.setdefault(scene.project, _Check()).look(scene)
        return [aims_html(scene), table_html(scene)]

    actions = [table.click(take_out, chosen, table, **QUIET)]
    for sent in (files, folder):
        actions.append(sent.upload(add, [chosen, sent], None, **QUIET).then(lambda: None, None, sent, **QUIET))
    return Part(heading, how_far, [aims, table], look, actions=actions)


def how_far(scene: Scene) -> str:
    count = len(scene.standing.recordings)
    return scene.say("recordings", count=count) if count else ""


def aims_html(scene: Scene) -> str:
    """Render progress bars that compare the recorded amounts with `Aim`."""
    if not scene.standing.recordings:
        return ""
    aim = Aim()
    rows = [row for row in _known(scene).values() if row["clips"]]
    clips = {kind: sum(row["clips"] for row in rows if row["kind"] == kind) for kind in get_args(Kind)}
    seconds = sum(row["seconds"] for row in rows)
    bars = [
        _bar(scene.say("aim_spoken"), clips["spoken"], aim.spoken_clips, str),
        _bar(scene.say("aim_sung"), clips["sung"], aim.sung_clips, str),
        _bar(scene.say("aim_time"), seconds, aim.seconds, duration),
    ]
    return f'<div class="aims">{"".join(bars)}</div>'


def _names(scene: Scene) -> list[str]:
    return [path.relative_to(scene.project.folder / RECORDINGS).as_posix() for path in scene.standing.recordings]


def _known(scene: Scene) -> dict[str, Row]:
    """Return the check results of the existing recordings, by name."""
    found = scene.project.checked()
    return {name: found[name] for name in _names(scene) if name in found}


def _bar(name: str, value: float, aim: float, text: Any) -> str:
    percent = round(100 * min(value / aim, 1.0))
    return (
        f'<div class="aim"><span>{escape(name)}</span><b>{text(value)} / {text(round(aim))}</b>'
        f'<div class="track" role="progressbar" aria-label="{escape(name)}" aria-valuenow="{percent}">'
        f'<div style="width: {percent}%"></div></div></div>'
    )


def table_html(scene: Scene) -> str:
    """Render the list of recordings, each with a button to remove it; those with serious problems come first."""
    names, known = _names(scene), _known(scene)
    names.sort(key=lambda name: not (name in known and known[name]["serious"]))
    if not names:
        return ""
    waiting = sum(name not in known for name in names)
    serious = sum(bool(known[name]["serious"]) for name in names if name in known)
    lines = [scene.say("listened", waiting=waiting)] if waiting else []
    lines += [scene.say("with_problems", count=serious)] if serious else []
    rows = "".join(_row(scene, name, known.get(name)) for name in names)
    says = f"<p>{escape(' '.join(lines))}</p>" if lines else ""
    return f'{says}<div class="list" tabindex="0" role="region" aria-label="{escape(scene.say("list"))}">{rows}</div>'


def _row(scene: Scene, name: str, row: Row | None) -> str:
    name = printable(name)  # text for the browser must be valid Unicode
    shown = name.removeprefix(f"{scene.project.name}/")
    problems = ""
    if row is not None:
        lines = [row["error"]] if row["error"] else [problem(scene, key, numbers) for key, numbers in row["problems"]]
        problems = "".join(f'<p class="{"bad" if row["serious"] else "fair"}">{escape(text)}</p>' for text in lines)
    facts = "" if row is None or row["error"] else f"{scene.say(row['kind'])}, {duration(row['seconds'])}"
    out = scene.say("take_out")
    return (
        f'<div class="row"><div class="name"><b>{escape(shown)}</b><span>{escape(facts)}</span>{problems}</div>'
        f'<button type="button" data-recording="{escape(name)}" aria-label="{escape(f"{out}: {shown}")}">'
        f"{escape(out)}</button></div>"
    )


def problem(scene: Scene, key: str, numbers: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return the text that describes a problem and its remedy."""
    return say(scene.request, f"problem.{key}", **dict(numbers))


_AIMS_CSS = """
.aims { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)); gap: 0.5rem 1.5rem; }
.aim { display: grid; grid-template-columns: 1fr max-content; font-size: var(--text-sm); gap: 0.1rem 0.5rem; }
.aim span { color: var(--body-text-color-subdued); }
.aim b { font-variant-numeric: tabular-nums; font-weight: 500; }
.track { grid-column: 1 / -1; }
"""
_TABLE_CSS = """
.list { max-height: 22rem; overflow-y: auto; border: 1px solid var(--border-color-primary);
  border-radius: var(--radius-lg); }
.row { display: flex; gap: 0.75rem; align-items: flex-start; justify-content: space-between;
  padding: 0.4rem 0.75rem; border-bottom: 1px solid var(--border-color-primary); }
.row:last-child { border-bottom: 0; }
.name { min-width: 0; overflow-wrap: anywhere; }
.name b { font-weight: 500; }
.name span { display: inline-block; margin-left: 0.6rem; white-space: nowrap; font-size: var(--text-sm);
  color: var(--body-text-color-subdued); }
.name p { margin: 0.1rem 0 0; font-size: var(--text-sm); }
.row button { flex: none; padding: 0.1rem 0.7rem; font-size: var(--text-sm);
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); }
"""
