"""List of the sound devices. `device_list` runs this file in a child process, because drivers may crash or hang.

`python -P device_probe.py` prints the list as JSON. It runs as a file, without importing myna.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any


def facts() -> dict[str, Any]:
    """Return the devices, or the name of a missing component, sounddevice or portaudio, under "missing"."""
    if find_spec("sounddevice") is None:
        return {"missing": "sounddevice"}
    try:
        import sounddevice
    except OSError:
        return {"missing": "portaudio"}
    apis = sounddevice.query_hostapis()
    return {"devices": [_device(index, one, apis) for index, one in enumerate(sounddevice.query_devices())]}


def _device(index: int, found: dict[str, Any], apis: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    api = apis[found["hostapi"]]
    return {
        "index": index,
        "name": found["name"],
        "host_api": api["name"],
        "input_channels": found["max_input_channels"],
        "output_channels": found["max_output_channels"],
        "sample_rate": round(found["default_samplerate"]),
        "is_default_input": index == api["default_input_device"],
        "is_default_output": index == api["default_output_device"],
    }


if __name__ == "__main__":
    print(json.dumps(facts()))
