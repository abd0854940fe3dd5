"""Facts about voices are stored only if the files stayed as they were while they were read."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from myna.apps.gui.server.voice_reader import VoiceReader
from myna.errors import BusyError
from myna.studio import voice_facts
from myna.studio.voice_facts import VoiceFacts, inspect, read_facts
from myna.studio.voices import Library, LibraryVoice
from myna.studio.workspace import Workspace

GOLDEN = Path(__file__).parents[1] / "golden" / "fork" / "so-vits-svc-4.0v1"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library with the voice Jo, which is renamed to Josephine when its files are first read."""
    workspace = Workspace(tmp_path / "studio")
    workspace.create()
    library = Library(workspace)
    library.add([GOLDEN / "G_3.pth", GOLDEN / "config.json"], "Jo")
    read = voice_facts._read

    def renamed(voice: LibraryVoice) -> VoiceFacts:
        if voice.name == "Jo":
            library.rename("Jo", "Josephine")
        return read(voice)

    monkeypatch.setattr(voice_facts, "_read", renamed)
    return library


def test_a_voice_that_is_renamed_while_it_is_read_keeps_no_error(library: Library) -> None:
    with pytest.raises(BusyError, match="Jo was changed while its files were read"):
        inspect(library.workspace, library.find("Jo"))
    renamed = library.find("Josephine")
    assert read_facts(library.workspace, renamed) is None
    assert inspect(library.workspace, renamed).problem is None


def test_the_reader_reads_it_again_under_its_new_name(library: Library) -> None:
    changed: list[str] = []
    told = threading.Event()

    def tell(name: str) -> None:
        changed.append(name)
        told.set()

    def call(task: Any) -> Any:
        return task.run(lambda *_: None)

    reader = VoiceReader(library.workspace, call, tell)
    for name in ("Jo", "Josephine"):
        assert reader.known(library.find(name)) is None
        assert told.wait(20)
        told.clear()
    assert changed == ["Jo", "Josephine"]
    facts = reader.known(library.find("Josephine"))
    assert facts is not None and facts.problem is None
