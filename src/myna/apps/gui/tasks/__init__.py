"""Tasks of the page's worker processes: frozen dataclasses that hold arguments and call functions of `apps.actions`.

Tasks import PyTorch only in `run`, which the page's process never calls: it only creates tasks.
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
    """Import PyTorch and the conversion code before the first task, because these imports take seconds."""
    import myna.conversion.converter  # noqa: F401
