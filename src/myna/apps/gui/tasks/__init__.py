"""Tasks of the page's worker processes: frozen dataclasses of arguments, each a thin layer over `apps.actions`.

They do not import Gradio, and load PyTorch only when they run: the page's process creates them but never runs one.
"""

from __future__ import annotations

from dataclasses import dataclass

from myna.apps.actions.voice_files import VoiceFiles
from myna.studio.voices import LibraryVoice


@dataclass(frozen=True, kw_only=True)
class VoiceTask:
    """Fields of a task that reads the files of a voice of the library."""

    voice: LibraryVoice

    @property
    def files(self) -> VoiceFiles:
        return VoiceFiles(self.voice.path, self.voice.config)


def warm_up() -> None:
    """Import PyTorch and the conversion, which takes seconds, before the first task needs them."""
    import myna.conversion.converter  # noqa: F401
