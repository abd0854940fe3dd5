"""Tasks that write sounds for download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.apps.gui.jobs import Report


@dataclass(frozen=True)
class RewriteSound:
    """Convert a sound file to the format given by the suffix of `target`."""

    source: Path
    target: Path

    def run(self, report: Report) -> None:
        from myna.audio import io

        header = io.info(self.source)
        rate, channels = header.sample_rate, header.n_channels
        with io.Writer(self.target, rate, channels=channels, tags=header.tags) as writer:
            for block in io.blocks(self.source, rate, rate, mono=False):
                writer.write(block)


@dataclass(frozen=True)
class Remix:
    """Write the mix of stems, given as (path, gain in dB), with the tags and the picture of `tagged`."""

    parts: Sequence[tuple[Path, float]]
    target: Path
    tagged: Path

    def run(self, report: Report) -> None:
        from myna.song.remix import Part, remix

        remix([Part(*part) for part in self.parts], self.target, self.tagged)
