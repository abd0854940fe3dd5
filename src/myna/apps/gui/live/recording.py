"""Recording of live conversion, which becomes a result with the source and the converted voice."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.apps.gui.live.messages import OpenedVoice
from myna.audio import io
from myna.audio.headroom import CONVERSION_CEILING
from myna.audio.marking.embedding import marked
from myna.audio.marking.manifest import add_manifest
from myna.audio.marking.tags import conversion_tags
from myna.errors import AudioError
from myna.realtime.interface import LiveSettings
from myna.studio.results import Result, ResultFolder, discard, record, reserve
from myna.studio.voices import LibraryVoice
from myna.studio.workspace import Workspace, unused

Samples = NDArray[np.float32]

_BLOCK_SAMPLES = 1 << 16
_CONVERTED = "converted.wav"  # name until the recording ends


@dataclass(frozen=True)
class Sung:
    """The voice of a recording, and the settings at its end."""

    voice: LibraryVoice
    opened: OpenedVoice
    settings: LiveSettings
    source_hz: float | None  # median pitch of the singer in Hz


class Recording:
    """A running recording. The first samples of the output are left out, because the conversion is delayed."""

    def __init__(self, workspace: Workspace, input_rate: int, output_rate: int, delay_seconds: float) -> None:
        """
        Args:
            input_rate: sample rate of the source in Hz.
            output_rate: sample rate of the output in Hz.
            delay_seconds: delay between a block of the source and its conversion.

        Raises:
            AudioError: the files cannot be written.
        """
        self._workspace = workspace
        self._rate = output_rate
        self._n_skipped = round(delay_seconds * output_rate)
        self._name = f"{datetime.now():%Y-%m-%d %H.%M.%S}"
        self._place = reserve(workspace, None, f"{self._name}.wav")
        self._converted = self._place.folder / _CONVERTED
        self._files = ExitStack()
        try:
            source = io.Writer(self._place.source, input_rate, sample_format="int24")
            self._source_writer = self._files.enter_context(source)
            converted = io.Writer(self._converted, output_rate, sample_format="float32", ceiling=np.inf)
            self._writer = self._files.enter_context(converted)
        except BaseException:
            self.discard()
            raise

    @property
    def seconds(self) -> float:
        """Length of the completely converted sound."""
        return self._writer.n_samples / self._rate

    def add(self, source: Samples, converted: Samples) -> None:
        """Append a block of the source and of the output, (n,) each.

        Raises:
            AudioError: the samples cannot be written, for example because the disk is full.
        """
        skipped = min(self._n_skipped, len(converted))
        self._n_skipped -= skipped
        self._source_writer.write(source)
        self._writer.write(converted[skipped:])

    def finish(self, sung: Sung) -> int:
        """Keep the recording as a result, with the tags and the mark of a conversion, and return its number.

        Raises:
            AudioError: a file cannot be written.
        """
        try:
            seconds = self.seconds
            self._files.close()
            output = unused(self._workspace.sung / f"{self._name} ({Path(sung.voice.name).stem}).wav")
            self._write_marked(output, sung)
            self._converted.unlink()
            record(self._place, _result(self._place, f"{self._name}.wav", output, seconds, sung))
        except BaseException:
            self.discard()
            raise
        return self._place.number

    def discard(self) -> None:
        """Delete the recording."""
        with suppress(AudioError):  # the disk may be full
            self._files.close()
        discard(self._place)

    def _write_marked(self, output: Path, sung: Sung) -> None:
        tags = conversion_tags(sung.opened.label, self._place.source)
        sign = partial(add_manifest, description=tags.comment, source=self._place.source)
        blocks = io.blocks(self._converted, self._rate, _BLOCK_SAMPLES)
        with io.Writer(output, self._rate, tags=tags, ceiling=CONVERSION_CEILING, finish=sign) as writer:
            for block in marked(blocks, self._rate):
                writer.write(block)


def _result(place: ResultFolder, song: str, output: Path, seconds: float, sung: Sung) -> Result:
    pitch = sung.opened.pitch
    speaker = {"speaker": sung.settings.speaker, "speaker_mix": sung.settings.speaker_mix}
    return Result(
        number=place.number,
        song=song,
        voice=sung.voice.name,
        path=output,
        command=f"svc live -m {sung.voice.model}",
        transpose=sung.settings.transpose,
        seconds=seconds,
        source_hz=sung.source_hz,
        voice_hz=pitch.median_hz if pitch is not None else None,
        made_at=time.time(),
        options={name: value for name, value in speaker.items() if value is not None},
    )
