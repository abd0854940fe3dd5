"""The folders of a data set: speakers, their sound files, and what else lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from myna.audio.folders import find_recordings, visible_files, visible_folders
from myna.audio.io import info
from myna.errors import AudioError

# The field's least: content encoders and the spectrogram need about 20 frames to say anything.
MIN_CLIP_SECONDS = 0.3


@dataclass(frozen=True)
class Clip:
    """A file of a speaker that training reads whole."""

    path: Path
    speaker: str
    seconds: float


@dataclass(frozen=True)
class ClipFolder:
    """What `dataset/44k` holds."""

    clips: tuple[Clip, ...]  # by speaker, then by path
    ignored: tuple[str, ...]  # a line each: what is there and no clip
    failed: tuple[str, ...]  # a line each: what should be a clip and is not sound


def find_clips(folder: Path) -> ClipFolder:
    """Look at the header of every clip `folder/<speaker>/**/*.wav`.

    Raises:
        AudioError: there is none.
    """
    clips, ignored, failed = [], [], []
    for speaker_folder in visible_folders(folder):
        found = find_recordings(speaker_folder, suffixes={".wav"})
        if not found:
            ignored.append(f"{speaker_folder} holds no .wav file")
        for path in found:
            try:
                seconds = info(path).seconds
            except AudioError as error:
                failed.append(str(error))
                continue
            if seconds < MIN_CLIP_SECONDS:
                ignored.append(f"{path} is too short: {seconds:.2f} s of at least {MIN_CLIP_SECONDS}")
            else:
                clips.append(Clip(path, speaker_folder.name, seconds))
    ignored += [f"{path} lies beside the speakers' folders" for path in visible_files(folder, recursive=False)]
    if not clips and not failed:
        raise AudioError(f"there are no clips in {folder}/NAME/; svc pre-resample makes them of dataset_raw/NAME/")
    return ClipFolder(tuple(clips), tuple(ignored), tuple(failed))
