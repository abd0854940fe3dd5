"""A voice gives its recorded output in every form: original file, packed, unpacked, ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from small_voices import EXPORTED, GOLDEN, generate
from torch import Tensor

from myna.onnx.export import TOLERANCE as ONNX_TOLERANCE
from myna.voice import Voice
from myna.zoo.opening import open_voice
from myna.zoo.packing import unpack

VOICES = sorted(GOLDEN.rglob("*.pth"))
TOLERANCE = 1e-4
SNR_DB = 40.0  # with float16 weights
PACKED = "voice.safetensors"


def packed(path: Path, folder: Path) -> Path:
    open_voice(path).pack(folder / PACKED)
    return folder / PACKED


def packed_in_half(path: Path, folder: Path) -> Path:
    open_voice(path).pack(folder / PACKED, half=True, release=True)
    return folder / PACKED


def unpacked(path: Path, folder: Path) -> Path:
    return unpack(packed(path, folder), folder / "apart").weights


def within(tolerance: float) -> Callable[[Tensor, Tensor], bool]:
    return lambda sung, recorded: float((sung - recorded).abs().max()) < tolerance


def within_snr(sung: Tensor, recorded: Tensor) -> bool:
    return float(10 * torch.log10(recorded.square().sum() / (sung - recorded).square().sum())) >= SNR_DB


Take = Callable[[Path, Path], Path]
IsNear = Callable[[Tensor, Tensor], bool]
# Only one voice is exported, since the export is slow; test_onnx_export has the others.
ROADS: dict[str, tuple[Take | None, IsNear]] = {
    "raw": (lambda path, folder: path, within(TOLERANCE)),
    "packed": (packed, within(TOLERANCE)),
    "packed in half": (packed_in_half, within_snr),
    "unpacked": (unpacked, within(TOLERANCE)),
    "onnx": (None, within(ONNX_TOLERANCE)),
}


def recorded(path: Path) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    """Recorded audio, and the arguments of `generate` for it."""
    beside = path.with_suffix(".npz")
    with np.load(beside if beside.exists() else path.with_name("golden.npz")) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays}
    # In double precision, so that conversion to dB and back restores the amplitude.
    loudness = 20 * torch.log10(golden["volume"].double()) if "volume" in golden else None
    speaker = golden["speaker"].reshape(-1)
    return golden["audio"], (golden["content"].float(), golden["f0"], golden["uv"] > 0, speaker, loudness)


TAKEN = [
    pytest.param(path, road, id=f"{path.relative_to(GOLDEN)}-{road}")
    for path in VOICES
    for road, (take, _) in ROADS.items()
    if take is not None or path.parent == EXPORTED
]


@pytest.mark.parametrize(("path", "road"), TAKEN)
def test_output_equals_the_recording(
    path: Path, road: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    take, is_near = ROADS[road]
    voice = Voice.load(take(path, tmp_path) if take is not None else request.getfixturevalue("exported"))
    audio, inputs = recorded(path)
    assert is_near(generate(voice.synthesizer, *inputs, noise_scale=0).audio, audio)
