"""Search for clips in the folders of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from myna.audio.folders import find_recordings, speaker_name, visible_files, visible_folders
from myna.audio.io import info
from myna.errors import AudioError
from myna.storage.path_list import can_be_listed
from myna.training.prepare.refused import is_list_of_refused

# Minimum length as in the predecessors: content encoders and the spectrogram need about 20 frames.
MIN_CLIP_SECONDS = 0.3


@dataclass(frozen=True)
class ClipFile:
    """File, speaker and length of a clip."""

    path: Path
    speaker: str
    seconds: float


@dataclass(frozen=True)
class ClipFolder:
    """Content of a folder of clips, for example `dataset/44k`."""

    clips: tuple[ClipFile, ...]  # sorted by speaker, then by path
    ignored: tuple[str, ...]  # a line for each file or folder that is not a clip
    failed: tuple[str, ...]  # a line for each clip that cannot be read


def find_clips(folder: Path) -> ClipFolder:
    """Find the clips `folder/<speaker>/**/*.wav`, and read their headers.

    Raises:
        AudioError: the folder contains no clips.
    """
    clips, ignored, failed = [], [], []
    for speaker_folder in visible_folders(folder):
        found = find_recordings(speaker_folder, suffixes={".wav"})
        if not found:
            ignored.append(f"{speaker_folder} contains no .wav file")
        for path in found:
            if not can_be_listed(path):
                failed.append(f"{path} has a line break in its path, so a list of clips cannot contain it; rename it")
                continue
            try:
                seconds = info(path).seconds
            except AudioError as error:
                failed.append(str(error))
                continue
            if seconds < MIN_CLIP_SECONDS:
                ignored.append(f"{path} is too short: {seconds:.2f} s; the minimum is {MIN_CLIP_SECONDS} s")
            else:
                clips.append(ClipFile(path, speaker_name(speaker_folder), seconds))
    beside = visible_files(folder, recursive=False)
    ignored += [f"{path} lies beside the speakers' folders" for path in beside if not is_list_of_refused(path)]
    if not clips and not failed:
        raise AudioError(f"there are no clips in {folder}/NAME/; svc pre-resample makes them from dataset_raw/NAME/")
    return ClipFolder(tuple(clips), tuple(ignored), tuple(failed))
