"""Tasks that write sounds for download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.apps.gui.jobs import Report


@dataclass(frozen=True)
class RewriteSound:
    """Convert a sound file to the format given by the suffix of `target`; a cover gets the picture of its song."""

    source: Path
    target: Path
    song: Path | None = None

    def run(self, report: Report) -> None:
        from myna.audio import io

        header = io.info(self.source)
        rate = io.storable_rate(self.target, header.sample_rate)
        picture = io.read_picture(self.song) if self.song is not None else None
        with io.Writer(self.target, rate, channels=header.n_channels, tags=header.tags, picture=picture) as writer:
            for block in io.blocks(self.source, rate, rate, mono=False):
                writer.write(block)
        if self.song is not None:
            _sign(self.target, header.tags.comment, self.song)


@dataclass(frozen=True)
class Remix:
    """Write the mix of stems, given as (path, gain in dB), with the tags of a file and the picture of the song."""

    parts: Sequence[tuple[Path, float]]
    target: Path
    tags_of: Path
    song: Path

    def run(self, report: Report) -> None:
        from myna.audio import io
        from myna.song.remix import Part, remix

        tags = io.info(self.tags_of).tags
        remix([Part(*part) for part in self.parts], self.target, tags, io.read_picture(self.song))
        _sign(self.target, tags.comment, self.song)


def _sign(cover: Path, description: str, song: Path) -> None:
    from myna.audio.marking.manifest import add_manifest

    add_manifest(cover, description, song)
