"""A voice of a few channels with random weights, and a content encoder without weights."""

from __future__ import annotations

import torch

from myna.config import Config
from myna.models.synthesizers.vits import Vits
from myna.storage import checkpoint
from myna.zoo.sovits import generator_to_stored

RATE = 16000
CONFIG = {
    "data": {"sampling_rate": RATE, "filter_length": 640, "hop_length": 160, "win_length": 640},
    "model": {
        **{"inter_channels": 8, "hidden_channels": 8, "filter_channels": 16, "n_heads": 2, "n_layers": 1},
        **{"upsample_rates": [10, 4, 4], "upsample_kernel_sizes": [20, 8, 8], "upsample_initial_channel": 16},
        **{"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]], "gin_channels": 8},
        **{"ssl_dim": 16, "n_speakers": 2, "n_flow_layer": 2, "speech_encoder": "whisper-base"},
    },
    "spk": {"Sängerin": 0, "tenor": 1},
    "pitch": {"tenor": {"median_hz": 120.0, "low_hz": 90.0, "high_hz": 200.0}},
}


class BandEnergies:
    """Content encoder without weights: 16 band energies, 50 frames a second."""

    channels = 16

    def __call__(self, audio: torch.Tensor) -> torch.Tensor:
        frames = audio[: len(audio) // 320 * 320].reshape(-1, 320)
        return torch.fft.rfft(frames).abs()[:, :160].reshape(-1, 16, 10).mean(2).T


def write_voice(folder: str, *steps: int) -> None:
    """Write the configuration, and a checkpoint for each of `steps`."""
    torch.manual_seed(0)
    config = Config.parse(CONFIG)
    config.write(f"{folder}/config.json")
    weights = generator_to_stored(Vits(config.model, config.data).state_dict())
    for step in steps:
        checkpoint.write(f"{folder}/G_{step}.pth", checkpoint.Checkpoint(weights, step, 1e-4, None))
