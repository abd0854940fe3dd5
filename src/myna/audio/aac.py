"""AAC in .m4a files, written by FFmpeg."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.audio.formats import Tags
from myna.audio.pictures import Picture, add_stream

# Bits per second and channel, as usual for music in AAC; at low sample rates, at most 4 bits per sample.
_BIT_RATE, _BITS_PER_SAMPLE = 128_000, 4
_LAYOUTS = {1: "mono", 2: "stereo"}


class AacFile:
    """An .m4a file that is written block by block, like a file of soundfile; its header states the exact length."""

    def __init__(self, path: Path, sample_rate: int, channels: int, tags: Tags, picture: Picture | None = None) -> None:
        """Open a file.

        Raises:
            OSError: the file cannot be written.
        """
        import av

        self._layout, self._rate = _LAYOUTS[channels], sample_rate
        self._n_samples, self._is_closed = 0, False
        self._stack = ExitStack()
        try:
            file = self._stack.enter_context(path.open("wb"))
            # With FFmpeg's default time scale the length in the header would be rounded to milliseconds.
            options = {"movie_timescale": str(sample_rate), "brand": "M4A "}
            # "mp4" is the same format as "ipod", for which PyAV does not accept pictures.
            self._container: Any = av.open(file, "w", format="mp4", options=options)
            self._stack.callback(self._container.close)
            self._stream: Any = self._container.add_stream("aac", rate=sample_rate, layout=self._layout)
            self._stream.bit_rate = channels * min(_BIT_RATE, _BITS_PER_SAMPLE * sample_rate)
            self._container.metadata.update(tags.by_ffmpeg_name())
            if picture is not None:
                self._container.mux(add_stream(self._container, picture))
        except BaseException:
            self._stack.close()
            raise

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append samples, (n, C)."""
        import av

        planes = np.ascontiguousarray(frames.T, np.float32)
        frame: Any = av.AudioFrame.from_ndarray(planes, format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._n_samples, Fraction(1, self._rate)
        self._n_samples += len(frames)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write the remaining samples and the header; a second call does nothing."""
        with self._stack:
            if not self._is_closed:
                self._is_closed = True
                self._container.start_encoding()
                self._container.mux(self._stream.encode(None))
