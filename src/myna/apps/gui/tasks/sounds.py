"""Tasks that write sounds for download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.apps.gui.jobs import Report


@dataclass(frozen=True)
class RewriteSound:
    """Convert a sound file to the format given by the suffix of `target`, with the picture of another one."""

    source: Path
    target: Path
    picture_of: Path | None = None

    def run(self, report: Report) -> None:
        from myna.audio import io

        header = io.info(self.source)
        rate = io.storable_rate(self.target, header.sample_rate)
        picture = io.read_picture(self.picture_of) if self.picture_of is not None else None
        with io.Writer(self.target, rate, channels=header.n_channels, tags=header.tags, picture=picture) as writer:
            for block in io.blocks(self.source, rate, rate, mono=False):
                writer.write(block)


@dataclass(frozen=True)
class Remix:
    """Write the mix of stems, given as (path, gain in dB), with tags and a picture of other files."""

    parts: Sequence[tuple[Path, float]]
    target: Path
    tags_of: Path
    picture_of: Path

    def run(self, report: Report) -> None:
        from myna.audio import io
        from myna.song.remix import Part, remix

        parts = [Part(*part) for part in self.parts]
        remix(parts, self.target, io.info(self.tags_of).tags, io.read_picture(self.picture_of))
