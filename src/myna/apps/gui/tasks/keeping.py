"""Tasks that download, pack and export voices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna.apps.actions.export import export
from myna.apps.actions.fetch import fetch
from myna.apps.actions.pack import CardText, pack
from myna.apps.gui.jobs import Report
from myna.apps.gui.tasks import VoiceTask
from myna.assets.hub import Address


@dataclass(frozen=True)
class DownloadVoice:
    """Download a voice from the hub; the result is its name in the library."""

    address: Address

    def run(self, report: Report) -> str:
        return fetch(self.address, progress=report).name


@dataclass(frozen=True, kw_only=True)
class PackVoice(VoiceTask):
    """Write a voice as one file; the result is a list with the path of that file."""

    path: Path
    half: bool
    release: bool
    index: bool  # whether to include the voice's index or centroids, if any
    card: CardText
    defaults: Mapping[str, Any] | None = None  # default options to store; None stores those of the voice

    def run(self, report: Report) -> list[Path]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        index = self.voice.retrieval if self.index and self.voice.retrieval is not None else self.index
        packed = pack(
            self.files,
            self.path,
            half=self.half,
            release=self.release,
            index=index,
            card=self.card,
            defaults=self.defaults,
        )
        return [packed.path]


@dataclass(frozen=True, kw_only=True)
class ExportVoice(VoiceTask):
    """Export a voice to ONNX; the result is the list of the files written."""

    path: Path

    def run(self, report: Report) -> list[Path]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return export(self.files, self.path).paths
