"""Recordings of live conversion: the input, the converted sound, and the played sound."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.audio.marking.embedding import Marker
from myna.audio.marking.manifest import add_manifest
from myna.audio.marking.tags import conversion_tags
from myna.realtime.rings import Ring

Samples = NDArray[np.float32]

_RING_SECONDS = 20
_WRITE_SECONDS = 0.2


class _Track:
    """One file, whose samples pass through a ring to the writing thread."""

    def __init__(self, writer: io.Writer, mark: bool) -> None:
        self.ring = Ring(_RING_SECONDS * writer.sample_rate)
        self._writer = writer
        self._marker = Marker(writer.sample_rate) if mark else None
        self._block = np.zeros(writer.sample_rate, np.float32)

    def write_waiting(self) -> None:
        while n := self.ring.read(self._block):
            block = self._block[:n]
            self._writer.write(block if self._marker is None else self._marker.add(block))

    def finish(self) -> None:
        self.write_waiting()
        if self._marker is not None:
            self._writer.write(self._marker.finish())


class Recorder:
    """Write input.wav, converted.wav and output.wav into a folder; the files appear when the recorder is closed.

    input.wav is the sound of the microphone, converted.wav is the voice without gaps, and output.wav is the played
    sound, with its gaps. The last two files state that they are synthetic, and have the mark if `mark` is true.

    Attributes:
        played: ring for the played samples.
        paths: the three files.
    """

    def __init__(self, folder: Path, input_rate: int, output_rate: int, voice: str, *, mark: bool) -> None:
        """
        Args:
            folder: folder of the files.
            input_rate: sample rate of the input in Hz.
            output_rate: sample rate of the output in Hz.
            voice: name of the voice, for the header.
            mark: whether to mark the converted sound.

        Raises:
            AudioError: the files cannot be written.
        """
        self.paths = [folder / f"{name}.wav" for name in ("input", "converted", "output")]
        tags = conversion_tags(voice)
        sign = partial(add_manifest, description=tags.comment)
        self._files = ExitStack()
        with self._files:
            writers = [
                self._files.enter_context(io.Writer(self.paths[0], input_rate, sample_format="int24")),
                *(
                    self._files.enter_context(
                        io.Writer(path, output_rate, sample_format="int24", tags=tags, finish=sign)
                    )
                    for path in self.paths[1:]
                ),
            ]
            self._input, self._converted, self._output = (
                _Track(writer, mark and writer.path != self.paths[0]) for writer in writers
            )
            self._files = self._files.pop_all()
        self.played = self._output.ring
        self.failure: Exception | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording")
        self._thread.start()

    def add(self, recorded: Samples, converted: Samples) -> None:
        """Add the input and the converted sound of a block, without waiting."""
        self._input.ring.write(recorded)
        self._converted.ring.write(converted)

    def close(self) -> None:
        """Complete the files.

        Raises:
            AudioError: the files could not be written, for example because the disk is full.
        """
        self._ending.set()
        self._thread.join()
        with self._files:
            if self.failure is not None:
                raise self.failure
            for track in self._tracks:
                track.finish()

    @property
    def _tracks(self) -> tuple[_Track, _Track, _Track]:
        return self._input, self._converted, self._output

    def _run(self) -> None:
        try:
            while not self._ending.wait(_WRITE_SECONDS):
                for track in self._tracks:
                    track.write_waiting()
        except Exception as error:  # raised by `close`
            self.failure = error
