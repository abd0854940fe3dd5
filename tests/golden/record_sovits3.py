"""Record the output of a so-vits-svc 3.0 voice; run once.

python record_sovits3.py

Writes `sovits3/voice.pth` and `sovits3/config.json` (a small voice with seeded random weights in the format of
so-vits-svc 3.0 at 32 kHz), and `sovits3/voice.npz` (its output, computed by the independent `reference.py`). Names and
constants are those of the definition (models.py of svc-develop-team/so-vits-svc, commit 20c7339).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import reference
import torch
from torch import Tensor

HERE = Path(__file__).parent / "sovits3"
SPEAKERS, GIN, LATENT, HIDDEN, FILTER, HEADS, LAYERS, INITIAL = 3, 6, 8, 8, 16, 2, 2, 16
CONTENT_CHANNELS, KERNEL_SIZE, WINDOW = 256, 5, 4
RATES, KERNEL_SIZES, HARMONICS = [10, 8, 2, 2], [16, 16, 4, 4], 9
SAMPLE_RATE, N_FFT, HOP = 32000, 1280, 320
FRAMES = 26


def shapes() -> reference.Shapes:
    """Names and shapes of the generator's tensors."""
    last = INITIAL // 2 ** len(RATES)
    return {
        "emb_g.weight": [SPEAKERS, GIN],
        **reference.conv_shapes("enc_p_.pre", HIDDEN, CONTENT_CHANNELS, 1),
        **reference.conv_shapes("enc_p_.proj", 2 * LATENT, HIDDEN, 1),
        "enc_p_.f0_emb.weight": [256, HIDDEN],
        **reference.transformer_shapes("enc_p_.enc_", HIDDEN, FILTER, HEADS, LAYERS, KERNEL_SIZE, WINDOW),
        **reference.normalized_shapes("dec.conv_pre", INITIAL, LATENT, 7),
        **reference.upsampling_shapes(INITIAL, GIN, RATES, KERNEL_SIZES, HARMONICS),
        **reference.normalized_shapes("dec.conv_post", 1, last, 7),
        **reference.posterior_shapes(N_FFT // 2 + 1, LATENT, HIDDEN, GIN, wavenet_layers=1),
        **reference.flow_shapes(LATENT, HIDDEN, wavenet_layers=4, gin=GIN),
    }


def sing(weights: dict[str, Tensor], content: Tensor, f0: Tensor, speaker: int) -> Tensor:
    """Output at noise scale 0: content (1, C, T), f0 (1, T) in Hz, 0 where unvoiced -> (1, 1, T * hop)."""
    weights = reference.doubles(weights.items())
    hidden = reference.conv(weights, "enc_p_.pre", content.double())
    hidden = hidden + weights["enc_p_.f0_emb.weight"][reference.pitch_bins(f0)].transpose(1, 2)
    hidden = reference.transformer(weights, "enc_p_.enc_", hidden, HEADS)
    mean = reference.conv(weights, "enc_p_.proj", hidden)[:, :LATENT]
    voice = weights["emb_g.weight"][speaker][None, :, None]
    latent = reference.inverse_flow(weights, mean, voice)
    return reference.decode(weights, latent, f0.double(), voice, RATES, SAMPLE_RATE)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    weights = reference.random_weights(shapes(), seed=6)
    generator = torch.Generator().manual_seed(6)
    content = torch.randn(1, CONTENT_CHANNELS, FRAMES, generator=generator).half().float()
    f0, voiced = reference.contour(FRAMES)
    audio = sing(weights, content, f0 * voiced, speaker=1)
    print(f"level {audio.std():.3f}, highest {audio.abs().max():.3f}")
    torch.save({"model": weights, "iteration": 3, "optimizer": {}, "learning_rate": 1e-4}, HERE / "voice.pth")
    arrays = {"content": content.half(), "f0": f0, "uv": voiced, "audio": audio.float()}
    np.savez_compressed(HERE / "voice.npz", speaker=[1], **{key: array.numpy() for key, array in arrays.items()})
    # As its tool writes it: with the depth and kernel size of VITS, which its code ignores.
    config = {
        "train": {"segment_size": 17920},
        "data": {"sampling_rate": SAMPLE_RATE, "filter_length": N_FFT, "hop_length": HOP, "win_length": N_FFT},
        "model": {"n_layers": 6, "kernel_size": 3, "ssl_dim": CONTENT_CHANNELS, "n_speakers": SPEAKERS},
        "spk": {"alto": 0, "tenor": 1, "bass": 2},
    }
    (HERE / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
