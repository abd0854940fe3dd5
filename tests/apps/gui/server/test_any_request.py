"""No request makes the server fail: generated ones for every operation are answered as the interface describes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
import soundfile
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from myna.apps.actions import doctor
from myna.apps.gui.guard import Addresses, PasswordDelay
from myna.apps.gui.jobs import Job, Jobs, JobState
from myna.apps.gui.live.live import Live
from myna.apps.gui.server.app import API, create_app, open_studio
from myna.apps.gui.server.context import Studio
from myna.apps.gui.server.routes import routers
from myna.studio import presets, results, trash
from myna.studio import project as projects
from myna.studio.job_list import Place

_SETTINGS = settings(
    max_examples=30,  # for each operation
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
_HOST = "testserver"  # as schemathesis calls it
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
_OPERATIONS = [
    (method, f"{API}{route.path}")
    for router in routers()
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
_UPLOADS = ("0" * 32, "f" * 32)
# Values of things that exist, and the parameters and fields of bodies that may have them.
_KNOWN: dict[str, tuple[Sequence[str | int], Sequence[str]]] = {
    "upload": (_UPLOADS, ("upload", "body.upload", "body.uploads[*]", "body.proposals[*].weights", "body.phrase")),
    "voice": (("joe", "mine"), ("voice", "body.voice", "body.one", "body.other")),
    "project": (("anna",), ("project",)),
    "preset": (("soft",), ()),
    "asset": (("rmvpe",), ("body.name",)),
    "file": (("anna/a.wav", "a.wav"), ("file",)),
    "number": ((1, 2), ("number", "body.number", "body.numbers[*]")),
    "index": ((0, 1), ("index", "clip")),
    "id": ((*_UPLOADS, "1"), ("id",)),
    "language": (("en", "ko"), ("language", "lang")),
    "numbers of results": (("1", "1,1"), ("numbers",)),
    "address": (("hf://a/b", "a/b"), ("body.address",)),
    "template": (("myna-lite",), ("body.template",)),
    "folder": (("/", "."), ("path", "body.path")),
}
# What the parameter `name` names, by a part of the path.
_NAMES = {"/project": "project", "/booth": "project", "/preset": "preset", "/voice": "voice"}
_OPTIONS = ("transpose", "noise_scale", "epochs", "batch_size", "speaker", "cluster_model_path", "f0_method")
# Texts that have broken file names, paths, SQL, HTML, headers, numbers and printing in other programs.
_NASTY = (
    *(" ", ".", "..", "../../etc/passwd", "..\\..\\x", "/etc/passwd", "C:\\Windows\\x.wav", "~", "a/b", "a\x00b"),
    *("con", "NUL.wav", "a" * 300, "\n", "a\r\nX-Header: 1", "\x1b[31m", "' OR 1=1 --", "%s{0}", "nan", "-1", "1e999"),
    *("<b onmouseover=alert(1)>", "노래 ♪.wav", "e\u0301", "\u202egnp.wav", "🎤" * 60, "a\ufffe", "hf:a/b", "joe"),
)
_NUMBERS = (0, 1, -1, 2, 37, 10**9, -(10**9), 2**31, 2**63, -(2**63), 10**30)


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, patched: pytest.MonkeyPatch) -> Iterator[Studio]:
    """A studio whose jobs end before they begin, because no request may need a minute of work to be refused."""

    def cancelled(
        self: Jobs, lane: str, task: Any, title: str, *, number: int | None = None, first: bool = False
    ) -> Job[Any]:
        job: Job[Any] = Job(-1 if number is None else number, lane, task, title, state=JobState.CANCELLED)
        self._lanes[lane]._on_change(job, None)
        job.ended.set()
        return job

    answers = {
        "torch": doctor._Probed({"version": "2", "cuda": None, "hip": None, "nvidia_driver": False, "device": None}),
        "sound": doctor._Probed(None, "loading it crashes (signal 11)"),
        "microphone": doctor._Probed({"installed": False}),
    }
    patched.setattr(doctor, "_probe", answers.__getitem__)
    patched.setattr(PasswordDelay, "MOST_SECONDS", 0.0)
    patched.setattr(PasswordDelay, "MOST_SECONDS_OVERALL", 0.0)
    patched.setattr(Jobs, "submit", cancelled)
    patched.setattr(Jobs, "warm", lambda self, lane: None)
    patched.setattr("myna.apps.gui.server.routes.voices.show_folder", lambda folder: None)
    patched.setattr(Live, "start", lambda self, *arguments: self.state)
    patched.setattr("myna.realtime.device_list.list_devices", list)
    with open_studio(tmp_path_factory.mktemp("any") / "studio") as opened:
        yield opened


@pytest.fixture(scope="module")
def schema(studio: Studio) -> BaseSchema:
    """The description of the interface, with values that requests often have: of things that exist, and nasty ones."""
    addresses = Addresses(f"http://{_HOST}/", 80, frozenset({_HOST}), frozenset({f"http://{_HOST}"}), public=False)
    nasty = {"string": ("nasty", _NASTY), "integer": ("numbers", _NUMBERS)}
    config = {
        "dictionaries": {
            **{name: {"values": list(values)} for name, values in nasty.values()},
            **{name: {"values": list(values)} for name, (values, _) in _KNOWN.items()},
        },
        "generation": {
            "dictionaries": {kind: {"dictionary": name, "probability": 0.3} for kind, (name, _) in nasty.items()}
        },
        "parameters": {field: often(name) for name, (_, fields) in _KNOWN.items() for field in fields},
        "operations": [
            {"include-path-regex": part, "parameters": {"query.name": often(name)}} for part, name in _NAMES.items()
        ],
    }
    path = f"{API}/openapi.json"
    app = create_app(studio, addresses)
    return schemathesis.openapi.from_asgi(path, app, config=SchemathesisConfig.from_dict(config))


def often(name: str) -> dict[str, Any]:
    return {"dictionary": name, "probability": 0.7}


def create_things(studio: Studio) -> None:
    """Create one thing of each kind, under the names in `_KNOWN`, where it is missing; requests delete them."""
    space = studio.workspace
    sound = space.cache / "a.wav"
    if not sound.exists():
        sound.parent.mkdir(exist_ok=True)
        soundfile.write(sound, 0.1 * np.sin(np.arange(8000) / 8), 8000)
    for id in _UPLOADS:
        if not (studio.uploads.folder / id).exists():
            (studio.uploads.folder / id).mkdir(parents=True)
            shutil.copy(sound, studio.uploads.folder / id / "a.wav")
    if not (space.training / "anna").exists():
        projects.create(space, "anna")
    anna = projects.find(space, "anna")
    if not (anna.recordings / "a.wav").exists():
        anna.add([sound])
    anna.logs.mkdir(parents=True, exist_ok=True)
    (anna.logs / "G_2.pth").touch()
    (space.voices / "mine").mkdir(exist_ok=True)
    (space.voices / "mine" / "mine.safetensors").touch()
    presets.write(space, "soft", {"noise_scale": 0.1})
    if results.find(space, 1) is None:
        shutil.rmtree(space.shown / "1", ignore_errors=True)
        reserved = results.reserve(space, sound, "a.wav")
        reserved.folder.replace(space.shown / "1")
        sung = shutil.copy(sound, space.sung / "a.wav")
        values = {"song": "a.wav", "voice": "joe", "command": "svc infer", "transpose": 0.0, "seconds": 1.0}
        done = results.Result(number=1, path=sung, source_hz=200.0, voice_hz=100.0, **values)
        results.record(results.ResultFolder(space.shown / "1", space.shown / "1" / "a.wav"), done)
    if not (space.trash / "1").exists():
        thrown = trash.throw(space, "preset", "soft", "soft", [space.presets / "soft.json"])
        (space.trash / thrown.id).replace(space.trash / "1")
        presets.write(space, "soft", {"noise_scale": 0.1})
    if studio.list.get(1) is None:
        number = studio.list.add("export", "a", Place.PAGE, about={"files": [str(sound)]}, state=JobState.FAILED)
        with sqlite3.connect(space.folder / "jobs" / "jobs.sqlite") as jobs:
            jobs.execute("UPDATE jobs SET id = 1 WHERE id = ?", (number,))
        jobs.close()


def cases(operation: APIOperation[Any, Any, Any, Any]) -> st.SearchStrategy[schemathesis.Case]:
    """Requests that fit the description, and if there is something to choose, also some that do not."""
    fitting = operation.as_strategy(GenerationMode.POSITIVE)
    if not operation.query and not operation.path_parameters and not operation.body:
        return fitting
    return st.one_of(fitting, fitting.map(with_known_options), operation.as_strategy(GenerationMode.NEGATIVE))


def with_known_options(case: schemathesis.Case) -> schemathesis.Case:
    """Rename the keys of free objects in a request to those of options."""
    if isinstance(case.body, dict):
        for name, value in case.body.items():
            if isinstance(value, dict) and name in ("options", "settings", "defaults", "values", "measure"):
                case.body[name] = dict(zip(_OPTIONS, value.values(), strict=False))
    return case


@pytest.mark.parametrize(("method", "path"), _OPERATIONS)
def test_generated_requests_are_answered_as_described(
    method: str, path: str, schema: BaseSchema, studio: Studio
) -> None:
    operation = schema[path][method]

    @settings(_SETTINGS)
    @given(case=cases(operation))
    def answered(case: schemathesis.Case) -> None:
        create_things(studio)
        answer = case.call_and_validate(checks=_CHECKS, timeout=60)
        assert "content-security-policy" in answer.headers
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert error["code"] and error["message"] and "\n" not in error["message"]

    before = outside(studio)
    answered()
    assert outside(studio) == before, "files were written outside the studio"


def outside(studio: Studio) -> set[Path]:
    folder = studio.workspace.folder
    return {path for path in folder.parent.rglob("*") if not path.is_relative_to(folder)}
