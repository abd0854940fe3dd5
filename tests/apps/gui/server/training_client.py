"""A studio with its server in this process, and a voice in training that is a few channels wide."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from starlette.testclient import TestClient

from myna.apps.gui.guard import Addresses
from myna.apps.gui.server.app import create_app, open_studio
from myna.apps.gui.server.context import Studio
from myna.config import Config
from myna.studio.project import Project

Found = TypeVar("Found")

RECORDINGS = sorted((Path(__file__).parents[4] / "examples" / "recordings" / "ljspeech").glob("*"))
# The encoder of light voices is bundled, so that everything is real except the width of the network, and the number of
# augmented versions of a clip, which take most of the time of preparation.
MODEL = {"inter_channels": 8, "hidden_channels": 8, "n_layers": 1, "n_fine_layers": 1, "gin_channels": 4}
TRAIN = {"num_workers": 0, "segment_size": 8192, "bf16_run": False, "keep_ckpts": 0, "batch_size": 2}
DATA = {"content_versions": 1}
SETTINGS = {"epochs": 2, "log_interval": 1, "eval_interval": 1}


@dataclass(frozen=True)
class Client:
    """Requests to the interface of a studio, about the voice Linda."""

    studio: Studio
    http: TestClient
    name: str = "Linda"

    @property
    def project(self) -> Project:
        return Project(self.studio.workspace.training / self.name)

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        return self.ask("GET", path, status, None, **query)

    def post(self, path: str, body: Any = None, status: int = 200, **query: Any) -> Any:
        return self.ask("POST", path, status, body, **query)

    def delete(self, path: str, status: int = 200, **query: Any) -> Any:
        return self.ask("DELETE", path, status, None, **query)

    def ask(self, method: str, path: str, status: int, body: Any, **query: Any) -> Any:
        if path.startswith(("project", "booth")) and path not in ("projects", "projects/advice"):
            query.setdefault("name", self.name)
        answer = self.http.request(method, f"/api/v1/{path}", json=body, params=query)
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content

    def upload(self, path: Path) -> str:
        answer = self.http.post("/api/v1/uploads", content=path.read_bytes(), params={"name": path.name})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def states(self) -> list[str]:
        return [step["state"] for step in self.get("project")["steps"].values()]

    def step(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get("project")["steps"][name]
        return found

    def done(self, job: dict[str, Any], state: str = "done", seconds: float = 120) -> dict[str, Any]:
        """Wait for the end of a job and return it."""

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get(f"jobs/{job['id']}")
            return found if found["state"] not in ("waiting", "running", "stopping") else None

        found = wait(ended, seconds)
        assert found["state"] == state, found
        return found


@contextmanager
def client(folder: Path) -> Iterator[Client]:
    with open_studio(folder) as studio:
        app = create_app(studio, Addresses.of("127.0.0.1", 7860))
        with TestClient(app, base_url="http://127.0.0.1:7860") as http:
            yield Client(studio, http)


def wait(condition: Callable[[], Found | None], seconds: float = 60) -> Found:
    """Return the first true value of a condition."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen in time")


def shrink(project: Project) -> None:
    """Give a voice a configuration with a small network."""
    Config.template("myna-lite").with_values(model=MODEL, train=TRAIN, data=DATA).write(project.config)
