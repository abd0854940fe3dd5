"""Events for the open pages: changed jobs, and lists to load again.

A page that was disconnected loads everything again, so events need no history.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Literal

Topic = Literal["jobs", "results", "voices", "projects", "presets", "trash", "assets", "session"]

_SECONDS = 0.1  # minimum time between two transmissions to one page


class Events:
    """Distributor of events from any thread to the sockets of open pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()

    def send(self, key: str, event: dict[str, Any]) -> None:
        """Send an event to all pages; it replaces an unsent event with the same key. Any thread may call this."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(key, event)

    def changed(self, what: Topic, name: str | None = None) -> None:
        """Tell the pages to load a list again."""
        self.send(f"changed {what} {name}", {"type": "changed", "what": what, "name": name})

    async def listen(self) -> AsyncIterator[str]:
        """Yield the events for one page as JSON until the iterator is closed."""
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        try:
            while True:
                for event in await listener.take():
                    yield json.dumps(event)
                await asyncio.sleep(_SECONDS)
        finally:
            with self._lock:
                self._listeners.discard(listener)


class _Listener:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[str, Any]] = {}
        self._arrived = asyncio.Event()

    def put(self, key: str, event: dict[str, Any]) -> None:
        with self._lock:
            self._waiting.pop(key, None)
            self._waiting[key] = event
        with suppress(RuntimeError):  # the server's event loop has ended
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def take(self) -> list[dict[str, Any]]:
        await self._arrived.wait()
        self._arrived.clear()
        with self._lock:
            found, self._waiting = list(self._waiting.values()), {}
        return found
