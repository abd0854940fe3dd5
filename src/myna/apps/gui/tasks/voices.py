"""Tasks that inspect, import, test and blend voices, and fetch pretrained files."""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from myna.apps.actions.convert import Conversion, convert, options_for
from myna.apps.actions.pack import mix
from myna.apps.actions.voice_files import VoiceFiles
from myna.apps.gui.jobs import Report
from myna.apps.gui.tasks import VoiceTask
from myna.apps.gui.tasks.singing import load_converter
from myna.assets import ASSETS, BUNDLED_SONG, Source
from myna.errors import MynaError, explain
from myna.studio.importing import Review, SentFile, is_archive, review, unpack
from myna.studio.voice_facts import VoiceFacts, inspect
from myna.studio.voices import Library, LibraryVoice
from myna.studio.workspace import Workspace

_WATCH_SECONDS = 0.25
_SPEED_SECONDS = 20.0  # time over which a download's speed is averaged; data arrives in pieces of 10 MB


@dataclass(frozen=True)
class InspectVoice:
    """Read the facts about a voice into the cache."""

    workspace: Workspace
    voice: LibraryVoice

    def run(self, report: Report) -> VoiceFacts:
        return inspect(self.workspace, self.voice)


@dataclass(frozen=True)
class UnpackArchive:
    """Unpack a zip archive into `folder`.

    The result is a list of (name in the archive, path); None if the file is not an archive.
    """

    path: Path
    folder: Path

    def run(self, report: Report) -> list[tuple[str, Path]] | None:
        if not is_archive(self.path):
            return None
        try:
            return list(unpack(self.path, self.folder))
        except BaseException:  # also KeyboardInterrupt
            shutil.rmtree(self.folder, ignore_errors=True)
            raise


@dataclass(frozen=True)
class ReviewFiles:
    """Group files into voices."""

    files: tuple[SentFile, ...]

    def run(self, report: Report) -> Review:
        return review(self.files)


@dataclass(frozen=True)
class NewVoice:
    """Files of a voice to add, and its name."""

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class AddVoices:
    """Copy voices into the library; the result is the list of their names there."""

    workspace: Workspace
    voices: tuple[NewVoice, ...]

    def run(self, report: Report) -> list[str]:
        library = Library(self.workspace)
        added: list[str] = []
        failed: list[str] = []
        for voice in report(self.voices, title="adding"):
            try:
                found = library.add(voice.files, voice.name)
            except Exception as error:
                reason = explain(error)
                if reason is None:
                    raise
                failed.append(f"{voice.name}: {reason}")
                continue
            added.append(found.name)
            report.note(f"added {found.name}")
            inspect(self.workspace, found)
        if failed:
            # A job either succeeds or fails. If it fails, the voices added so far are kept, and the message names them.
            rest = f" (added: {', '.join(added)})" if added else ""
            raise MynaError("; ".join(failed) + rest)
        return added


@dataclass(frozen=True, kw_only=True)
class SingTest(VoiceTask):
    """Convert the bundled song to a voice, with the default options of the voice, into the file `into`."""

    into: Path
    noted: Mapping[str, Any] | None  # default options in the user's notes, used in place of those in the voice's file

    def run(self, report: Report) -> None:
        converter = load_converter(report, self)
        options, _ = options_for(converter.voice, {}, self.noted)
        if not options.auto_transpose and not options.transpose:
            given = {"auto_transpose": bool(converter.voice.config.pitch)}
            options, _ = options_for(converter.voice, given, self.noted)
        conversion = Conversion(BUNDLED_SONG, self.into)
        self.into.parent.mkdir(parents=True, exist_ok=True)
        convert(converter, [conversion], options, report)


@dataclass(frozen=True, kw_only=True)
class BlendVoices:
    """Blend two voices into a new one; the result is its name in the library."""

    workspace: Workspace
    one: LibraryVoice
    other: LibraryVoice
    share: float  # weight of the other voice, 0 to 1
    name: str

    def run(self, report: Report) -> str:
        library = Library(self.workspace)
        path = library.new_place(self.name)
        path.parent.mkdir(parents=True)
        try:
            one, other = (VoiceFiles(voice.path, voice.config) for voice in (self.one, self.other))
            mix(one, other, self.share, path)
        except BaseException as error:  # also KeyboardInterrupt
            path.unlink(missing_ok=True)
            path.parent.rmdir()
            if isinstance(error, MynaError):
                raise MynaError(_with_names(str(error), self.one, self.other)) from error
            raise
        inspect(self.workspace, library.find(path.parent.name))
        return path.parent.name


def _with_names(text: str, *voices: LibraryVoice) -> str:
    for voice in voices:
        for path in (VoiceFiles(voice.path).find_weights(), voice.path):
            text = text.replace(str(path), voice.name)
    return text


@dataclass(frozen=True)
class FetchAsset:
    """Download a pretrained file. An interrupted download is resumed.

    While it runs, it reports the facts "bytes", "total" and "speed" (bytes per second).
    """

    name: str
    group: Literal["asset", "base"]

    def run(self, report: Report) -> None:
        from myna import assets

        sources = [ASSETS[self.name].source] if self.group == "asset" else list(assets.BASE_WEIGHTS[self.name][0])
        report.fact("name", self.name)
        with _watched(sources, report):
            if self.group == "asset":
                assets.find(self.name)
            else:
                assets.find_base_weights(self.name)


@contextmanager
def _watched(sources: list[Source], report: Report) -> Iterator[None]:
    """Report the number of downloaded bytes in the hub's cache while the `with` block runs."""
    from myna.assets.download import arrived

    known = [source.size for source in sources]
    total = sum(size for size in known if size is not None) if None not in known else None
    over = threading.Event()
    started = time.monotonic()
    first = arrived(sources)

    def watch() -> None:
        history = [(started, first)]
        while not over.wait(_WATCH_SECONDS):
            now, done = time.monotonic(), arrived(sources)
            history = [one for one in history if now - one[0] < _SPEED_SECONDS] or history[-1:]
            since, before = history[0]
            history.append((now, done))
            speed = (done - before) / max(now - since, 1e-3)
            report.fact("bytes", done)
            report.fact("total", total)
            report.fact("speed", round(speed))
            if total and speed > 0:
                report.progress("downloading", min(done / total, 1.0), math.ceil((total - done) / speed))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
