"""The page's process loads no library that only the workers need, so that the page is there at once."""

from __future__ import annotations

import sys
from pathlib import Path

import processes

_SCRIPT = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from myna.apps.gui.guard import Addresses
from myna.apps.gui.server.app import create_app, open_studio

with open_studio(Path(sys.argv[1])) as studio:
    client = TestClient(create_app(studio, Addresses.of("127.0.0.1", 7860)), base_url="http://127.0.0.1:7860/")
    for path in ("", "api/v1/session", "api/v1/texts/en", "api/v1/texts/ko", "api/v1/jobs", "api/v1/forms/conversion"):
        assert client.get(path).status_code == 200, path
heavy = ("torch", "numpy", "soundfile", "av", "transformers", "huggingface_hub", "gradio")
print([name for name in heavy if name in sys.modules])
"""


def test_the_page_opens_without_the_libraries_of_the_workers(tmp_path: Path) -> None:
    done = processes.run([sys.executable, "-c", _SCRIPT, str(tmp_path)])
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
