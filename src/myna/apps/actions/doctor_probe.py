"""Checks that may crash or hang, because they load native libraries; `doctor` runs each in its own process.

`python -P doctor_probe.py NAME` prints the facts as JSON. It runs as a file, without importing myna, because that
import takes longer than most checks.
"""

from __future__ import annotations

import ctypes
import json
import platform
import runpy
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Facts = dict[str, Any]

_FORMATS = ("mp3", "aac", "flac", "opus", "vorbis", "alac")  # audio codecs that are common in recordings


def torch_facts() -> Facts:
    """Return PyTorch's version and the device that myna chooses; the device is None for a CPU-only build.

    For a CPU-only build, only the native libraries are loaded: importing the Python modules takes seconds.
    """
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return {"version": None}
    folder = Path(spec.origin).parent
    version = runpy.run_path(str(folder / "version.py"))
    facts: Facts = {
        "version": version["__version__"],
        "cuda": version.get("cuda"),
        "hip": version.get("hip"),
        "nvidia_driver": _has_nvidia_driver(),
    }
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    library = folder / "lib" / "libtorch_python.so"
    if facts["cuda"] is None and facts["hip"] is None and not apple and library.is_file():
        ctypes.CDLL(str(library))
        return facts | {"device": None}

    import torch

    from myna.apps.actions.device import choose_device

    device = choose_device()
    if device.name.startswith("cuda"):
        facts["gpus"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        facts["free_bytes"], facts["total_bytes"] = torch.cuda.mem_get_info()
    return facts | {"device": device.name, "reason": device.reason}


def sound_facts() -> Facts:
    """Return the versions of the libraries that read and write audio files, and the formats that FFmpeg decodes."""
    import av
    import soundfile
    from av import library_versions

    return {
        "pyav": av.__version__,
        "ffmpeg": {name: ".".join(map(str, version)) for name, version in library_versions.items()},
        "libsndfile": soundfile.__libsndfile_version__,
        "decoders": [name for name in _FORMATS if name in av.codecs_available],
    }


def microphone_facts() -> Facts:
    """Return PortAudio's version and the names of the default input and output devices."""
    if find_spec("sounddevice") is None:
        return {"installed": False}
    import sounddevice

    facts: Facts = {"installed": True, "portaudio": sounddevice.get_portaudio_version()[1]}
    for kind in ("input", "output"):
        try:
            facts[kind] = str(sounddevice.query_devices(kind=kind)["name"])
        except (sounddevice.PortAudioError, ValueError):  # there is no such device
            facts[kind] = None
    return facts


def _has_nvidia_driver() -> bool:
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


PROBES: dict[str, Callable[[], Facts]] = {
    "torch": torch_facts,
    "sound": sound_facts,
    "microphone": microphone_facts,
}


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]]()))
