"""Tasks that write sounds for download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from myna.apps.gui.jobs import Report


@dataclass(frozen=True)
class RewriteSound:
    """Convert a sound file to the format of the suffix of `target`; a cover gets the picture of its song."""

    source: Path
    target: Path
    song: Path | None = None

    def run(self, report: Report) -> None:
        from myna.audio import io

        header = io.info(self.source)
        rate = io.storable_rate(self.target, header.sample_rate)
        picture, finish = None, None
        if self.song is not None:
            picture, finish = io.read_picture(self.song), _signing(header.tags.comment, self.song)
        with io.Writer(
            self.target, rate, channels=header.n_channels, tags=header.tags, picture=picture, finish=finish
        ) as writer:
            for block in io.blocks(self.source, rate, rate, mono=False):
                writer.write(block)


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

        tags, picture = io.info(self.tags_of).tags, io.read_picture(self.song)
        parts = [Part(*part) for part in self.parts]
        remix(parts, self.target, tags, picture, _signing(tags.comment, self.song))


def _signing(description: str, song: Path) -> Callable[[Path], None]:
    """Return a function that adds a signed manifest to a file, with `song` as its source (see `add_manifest`)."""
    from myna.audio.marking.manifest import add_manifest

    return partial(add_manifest, description=description, source=song)
