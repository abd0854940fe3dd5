"""Files of a cover. This module imports no heavy library, so that commands can check files at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from myna.errors import AudioError

# Names of the stems. The mix is the sum of `converted`, `reverb` and `accompaniment`, limited.
STEMS = ("vocals", "converted", "reverb", "accompaniment", "mix")
SEPARATED_STEMS = ("vocals", "accompaniment")  # stems without the converted voice


@dataclass(frozen=True)
class CoverFiles:
    """Files of a cover.

    Attributes:
        song: the original.
        output: the cover.
        vocals: vocals of the song, used instead of separated vocals.
        accompaniment: music of the song, used instead of separated music.
        stems: folder for the stems; None writes none.
    """

    song: Path
    output: Path
    vocals: Path | None = None
    accompaniment: Path | None = None
    stems: Path | None = None

    @property
    def source(self) -> Path:
        return self.song

    @property
    def needs_separation(self) -> bool:
        return self.vocals is None or self.accompaniment is None

    @property
    def stem_files(self) -> dict[str, Path]:
        """Return the files of the stems by name; empty without a folder."""
        if self.stems is None:
            return {}
        return {name: self.stems / f"{self.song.stem}.{name}.wav" for name in STEMS}

    def check(self) -> None:
        """Raise `AudioError` if a result would overwrite a recording."""
        given = [path for path in (self.song, self.vocals, self.accompaniment) if path is not None]
        for result in (self.output, *self.stem_files.values()):
            for path in given:
                if result.exists() and path.exists() and result.samefile(path):
                    raise AudioError(f"the cover would overwrite {path}; give it or its stems another place")
