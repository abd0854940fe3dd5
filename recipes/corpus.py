"""Recordings that the recipes train on, and those that they hold out for evaluation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from myna.audio.folders import find_recordings

# Held out of training: ten LibriSpeech speakers with ten recordings each, ten more with one recording each, all of
# LibriTTS, one singer of vocadito, one of VocalSet, the sms-tools phrases, and (for the content encoder only) every
# tenth line by joe.
PROBE_SPEAKERS = ("1688", "1998", "2033", "2414", "2609", "3005", "3080", "3331", "367", "533")
HELD_OUT_SPEAKERS = (*PROBE_SPEAKERS, "103", "1034", "1040", "1069", "1081", "1088", "1098", "1116", "118", "1183")
HELD_OUT_SINGING = ("vocadito_1", "sms_singing-female", "sms_soprano-E4", "sms_vignesh")
HELD_OUT_VOCALSET = "m10"
JOE_HELD_OUT_EVERY = 10


@dataclass(frozen=True)
class Clip:
    """One recording and its labels."""

    path: Path
    source: str  # librispeech, libritts, ljspeech, martin, singing, vocalset, syllables, vctk or joe
    speaker: str
    held_out: bool

    @property
    def name(self) -> str:
        return f"{self.source}-{self.path.stem}"


def recordings(data: Path, joe: Path) -> list[Clip]:
    """List every recording.

    Args:
        data: folder whose subfolders `speech/librispeech`, `speech/libritts`, `speech_wide/vctk`, `singing`,
            `singing_free/vocalset/<singer>`, `singing_free/erithacus`, `singing_free/yuki`, `target/ljspeech` and
            `target/martin-notes` contain sound files; LibriSpeech's file names begin with the speaker's number.
        joe: folder that `content_encoder/synthesize.py` wrote.
    """
    found = []
    for path in find_recordings(data / "speech" / "librispeech", recursive=False):
        speaker = path.stem.split("-")[0]
        found.append(Clip(path, "librispeech", speaker, speaker in HELD_OUT_SPEAKERS))
    for path in find_recordings(data / "speech" / "libritts", recursive=False):
        found.append(Clip(path, "libritts", "?", True))
    for path in find_recordings(data / "singing", recursive=False):
        found.append(Clip(path, "singing", path.stem, path.stem in HELD_OUT_SINGING))
    for path in find_recordings(data / "singing_free" / "vocalset", recursive=True):
        singer = path.parent.name
        found.append(Clip(path, "vocalset", f"vocalset-{singer}", singer == HELD_OUT_VOCALSET))
    for bank in ("erithacus", "yuki"):
        for path in find_recordings(data / "singing_free" / bank, recursive=False):
            found.append(Clip(path, "syllables", bank, False))
    for path in find_recordings(data / "speech_wide" / "vctk", recursive=False):
        if named := re.search(r"p\d{3}|s5", path.stem):  # the speakers of other files are not known
            found.append(Clip(path, "vctk", f"vctk-{named[0]}", False))
    for folder, source in (("ljspeech", "ljspeech"), ("martin-notes", "martin")):
        for path in find_recordings(data / "target" / folder, recursive=False):
            found.append(Clip(path, source, folder, False))
    for path in find_recordings(joe, recursive=False):
        held_out = int(path.stem.split("-")[1]) % JOE_HELD_OUT_EVERY == 0
        found.append(Clip(path, "joe", "joe", held_out))
    return found
