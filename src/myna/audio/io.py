"""Interface for reading and writing audio files, collected from `reading`, `writing`, `formats` and `pictures`.

audio, rate = io.read("song.mp3")                  # (N,) float32, the mean of the channels
stereo, rate = io.read("song.mp3", mono=False)     # (C, N)
with io.Writer("song.flac", rate, channels=2, sample_format="int24", tags=io.Tags(title="Song")) as writer:
    writer.write(stereo)
"""

from __future__ import annotations

from myna.audio.formats import WRITABLE_SUFFIXES, SampleFormat, Tags, storable_rate
from myna.audio.pictures import Picture, read_picture
from myna.audio.reading import LARGEST_SAMPLE, AudioInfo, Samples, blocks, info, read, rebuffer
from myna.audio.writing import Writer

__all__ = [
    "LARGEST_SAMPLE",
    "WRITABLE_SUFFIXES",
    "AudioInfo",
    "Picture",
    "SampleFormat",
    "Samples",
    "Tags",
    "Writer",
    "blocks",
    "info",
    "read",
    "read_picture",
    "rebuffer",
    "storable_rate",
]
