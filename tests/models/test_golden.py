"""Outputs of the predecessors' voices equal those of the predecessors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_voices import GOLDEN, generate

from myna.config import Config
from myna.zoo import sovits

FOLDERS = sorted(path.parent for path in GOLDEN.glob("*/*/golden.npz"))
TOLERANCE = 1e-4
# Processors round a predicted pitch differently, by 1e-6; the phases of its harmonics then diverge, by 1e-3 within
# half a second.
ROUNDED_HZ, ROUNDED, DRIFTED = 1e-3, 1e-5, 2e-3


@pytest.mark.parametrize("folder", FOLDERS, ids=[f"{path.parent.name}-{path.name}" for path in FOLDERS])
def test_output_equals_the_predecessors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torch.load(folder / "G_3.pth", weights_only=True)["model"]
    synthesizer = sovits.build(weights, Config.read(folder / "config.json")).eval()
    with np.load(folder / "golden.npz") as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays}
    # In double precision, so that conversion to dB and back restores the amplitude.
    loudness = 20 * torch.log10(golden["volume"].double()) if "volume" in golden else None
    inputs = (golden["content"], golden["f0"], golden["uv"] > 0, golden["speaker"][:, 0], loudness)

    given = generate(synthesizer, *inputs, noise_scale=0)
    assert given.audio.shape == golden["audio"].shape
    assert (given.audio - golden["audio"]).abs().max() < TOLERANCE
    assert torch.equal(given.f0, golden["f0"])
    if "audio_predicted_f0" in golden:
        predicted = generate(synthesizer, *inputs, noise_scale=0, predict_f0=True)
        assert (predicted.audio - golden["audio_predicted_f0"]).abs().max() < DRIFTED
    if "predicted_f0" in golden:
        torch.testing.assert_close(predicted.f0, golden["predicted_f0"], rtol=ROUNDED, atol=ROUNDED_HZ)
        content, _, *others = inputs
        at_its_pitch = generate(synthesizer, content, golden["predicted_f0"], *others, noise_scale=0)
        assert (at_its_pitch.audio - golden["audio_predicted_f0"]).abs().max() < TOLERANCE
    synthesizer.fuse()
    assert (generate(synthesizer, *inputs, noise_scale=0).audio - golden["audio"]).abs().max() < TOLERANCE
