"""Facts about the voices of a studio: stored facts are returned at once, missing facts are read in the background."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from myna.apps.gui.jobs import Task
from myna.apps.gui.tasks.voices import InspectVoice
from myna.errors import BusyError, MynaError
from myna.studio.voice_facts import VoiceFacts, fingerprint, read_facts
from myna.studio.voices import LibraryVoice
from myna.studio.workspace import Workspace

_log = logging.getLogger(__name__)


class VoiceReader:
    """Reader of voices for the list of a studio."""

    def __init__(self, workspace: Workspace, call: Callable[[Task[Any]], Any], changed: Callable[[str], None]) -> None:
        """
        Args:
            call: runs a task in a worker and waits for its result.
            changed: called with the name of a voice whose facts have been read.
        """
        self._workspace = workspace
        self._call = call
        self._changed = changed
        self._lock = threading.Lock()
        self._waiting: deque[LibraryVoice] = deque()
        # Fingerprints of voices that have been queued, including those that could not be read.
        self._asked: set[str] = set()
        self._is_running = False

    def known(self, voice: LibraryVoice) -> VoiceFacts | None:
        """Return the stored facts about a voice. If there are none, return None and read them in the background."""
        facts = read_facts(self._workspace, voice)
        if facts is None:
            self._enqueue(voice)
        return facts

    def read(self, voice: LibraryVoice) -> VoiceFacts:
        """Return the facts about a voice; read its files if the facts are not stored.

        Raises:
            MynaError: the files could not be read for a temporary reason; the error is not stored.
        """
        facts = read_facts(self._workspace, voice)
        if facts is None:
            facts = self._call(InspectVoice(self._workspace, voice))
            assert isinstance(facts, VoiceFacts)
        return facts

    def _enqueue(self, voice: LibraryVoice) -> None:
        mark = fingerprint(voice)
        with self._lock:
            if mark in self._asked:
                return
            self._asked.add(mark)
            self._waiting.append(voice)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="reading voices", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return
                voice = self._waiting.popleft()
            try:
                self._call(InspectVoice(self._workspace, voice))
            except BusyError:  # its files moved, for example by renaming: the page will request the facts again
                self._asked.clear()
            except MynaError as error:  # for example because the studio is closing
                _log.info("%s was not read: %s", voice.name, error)
                continue
            self._changed(voice.name)
