"""Tasks of the page's worker processes: frozen dataclasses of arguments that call functions of `apps.actions`.

They never import Gradio, and import PyTorch only when they run. The page's process creates tasks but never runs one.
"""

from __future__ import annotations

from dataclasses import dataclass

from myna.apps.actions.voice_files import VoiceFiles
from myna.studio.voices import LibraryVoice


@dataclass(frozen=True, kw_only=True)
class VoiceTask:
    """Common fields of tasks that read the files of a voice in the library."""

    voice: LibraryVoice

    @property
    def files(self) -> VoiceFiles:
        return VoiceFiles(self.voice.path, self.voice.config)


def warm_up() -> None:
    """Import PyTorch and the conversion code before the first task needs them, because the import takes seconds."""
    import myna.conversion.converter  # noqa: F401
