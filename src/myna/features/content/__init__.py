"""Content encoders, which extract the phonetic content of a recording, independently of the speaker.

Each architecture has its own module; the table `CONTENT_ENCODERS` lists all encoders.

encoder = load_encoder("vec768l12", device="cuda")
content = encoder(audio_at_16_khz)  # (768, T'), 50 frames a second
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from myna.errors import ConfigError
from myna.features.content.cnhubertlarge import load_cnhubertlarge
from myna.features.content.contentvec import load_contentvec
from myna.features.content.dphubert import load_dphubert
from myna.features.content.embedded import CODE_CHANNELS, load_embedded
from myna.features.content.hubertsoft import load_hubertsoft
from myna.features.content.wavlm import load_wavlm
from myna.features.content.whisper import load_whisper

SAMPLE_RATE = 16000
FRAME_SAMPLES = 320


class ContentEncoder(Protocol):
    """Encoder that computes the phonetic content of a recording."""

    channels: int

    def __call__(self, audio: Tensor) -> Tensor:
        """Return the content (channels, T') of `audio` (N,) at 16 kHz; the result is on the encoder's device.

        There is one frame every 320 samples. T' is N // 320, at least 1; for some N, it is one less if the encoder does
        not pad.
        """
        ...


@dataclass(frozen=True)
class Loader:
    """Loader of an encoder, and the number of channels in the configuration of a new voice."""

    channels: int
    load: Callable[[str], ContentEncoder]

    def __call__(self, device: str = "cpu") -> ContentEncoder:
        """Find the weights and load the encoder on `device`.

        Raises:
            AssetError: the weights are unavailable.
            CheckpointError: the file does not contain this encoder.
        """
        return self.load(device)


_CONTENTVEC_768 = Loader(768, lambda device: load_contentvec(12, projected=False, device=device))

# Encoders of the predecessors have the same names as in the predecessors' config.json (`speech_encoder`). Voices with
# whisper-ppg, from so-vits-svc 4.1, were trained with inputs padded to 30 s. Without padding, the content of short
# clips is very different.
CONTENT_ENCODERS: dict[str, Loader] = {
    "vec768l12": _CONTENTVEC_768,
    "vec256l9": Loader(256, lambda device: load_contentvec(9, projected=True, device=device)),
    "contentvec": _CONTENTVEC_768,
    "hubertsoft": Loader(256, load_hubertsoft),
    "cnhubertlarge": Loader(1024, load_cnhubertlarge),
    "wavlmbase+": Loader(768, load_wavlm),
    "dphubert": Loader(768, load_dphubert),
    "whisper-tiny": Loader(384, lambda device: load_whisper("whisper-tiny", device)),
    "whisper-base": Loader(512, lambda device: load_whisper("whisper-base", device)),
    "whisper-small": Loader(768, lambda device: load_whisper("whisper-small", device)),
    "whisper-medium": Loader(1024, lambda device: load_whisper("whisper-medium", device)),
    "whisper-large": Loader(1280, lambda device: load_whisper("whisper-large", device)),
    "whisper-large-v3": Loader(1280, lambda device: load_whisper("whisper-large-v3", device)),
    "whisper-ppg": Loader(1024, lambda device: load_whisper("whisper-medium", device, padded=True)),
    "whisper-ppg-large": Loader(1280, lambda device: load_whisper("whisper-large", device, padded=True)),
    "myna-content-1": Loader(CODE_CHANNELS, lambda device: load_embedded("myna-content-1", device)),
    "myna-content-2": Loader(CODE_CHANNELS, lambda device: load_embedded("myna-content-2", device)),
}


def load_encoder(name: str, device: str = "cpu") -> ContentEncoder:
    """Load the encoder `name` of `CONTENT_ENCODERS`.

    Raises:
        ConfigError: there is no encoder with that name.
        AssetError, CheckpointError: see `Loader`.
    """
    check_encoder(name)
    return CONTENT_ENCODERS[name](device)


def check_encoder(name: str) -> None:
    """Raise `ConfigError` if there is no encoder with that name."""
    if name not in CONTENT_ENCODERS:
        raise ConfigError(f"no content encoder {name!r}; there are: {', '.join(CONTENT_ENCODERS)}")
