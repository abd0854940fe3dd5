"""Record outputs and tensor names of RVC voices; run once.

python record_rvc.py

Writes `rvc/*.pth` (small voices with seeded random weights in RVC's own format), `rvc/*.npz` (their outputs, computed
by the independent `reference.py`), and `../zoo/rvc_statedicts.json.gz` (names and shapes of the full-size voices).
Sizes are those of RVC's configurations (configs/v1 and configs/v2 of
RVC-Project/Retrieval-based-Voice-Conversion-WebUI); names and constants are those of its definition
(infer/lib/infer_pack/models.py there).
"""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import reference
import torch
import torch.nn.functional as F
from torch import Tensor

HERE = Path(__file__).parent
RATES = {  # rates and kernels of the decoder
    "v1-32k": ([10, 4, 2, 2, 2], [16, 16, 4, 4, 4]),
    "v1-40k": ([10, 10, 2, 2], [16, 16, 4, 4]),
    "v1-48k": ([10, 6, 2, 2, 2], [16, 16, 4, 4, 4]),
    "v2-32k": ([10, 8, 2, 2], [20, 16, 4, 4]),
    "v2-40k": ([10, 10, 2, 2], [16, 16, 4, 4]),
    "v2-48k": ([12, 10, 2, 2], [24, 20, 4, 4]),
}
FULL = {
    "speakers": 109,
    "gin": 256,
    "latent": 192,
    "hidden": 192,
    "filter": 768,
    "heads": 2,
    "layers": 6,
    "initial": 512,
    "posterior": 16,
}
SMALL = {
    "speakers": 3,
    "gin": 6,
    "latent": 8,
    "hidden": 8,
    "filter": 16,
    "heads": 2,
    "layers": 2,
    "posterior": 1,
}  # the decoder has the fewest channels that its steps can halve
KERNEL_SIZE = 3  # of the feed-forward layers
WINDOW = 10
FRAMES = 26


def channels_of(variant: str) -> int:
    return 256 if variant.startswith("v1") else 768


def shapes(variant: str, size: dict[str, int], pitch: bool, posterior: bool) -> reference.Shapes:
    """Names and shapes of a generator's tensors."""
    rates, kernel_sizes = RATES[variant]
    hidden, latent, initial, gin = (size[key] for key in ("hidden", "latent", "initial", "gin"))
    last = initial // 2 ** len(rates)
    spectrum = 513 if "32k" in variant else 1025
    return {
        "enc_p.emb_phone.weight": [hidden, channels_of(variant)],
        "enc_p.emb_phone.bias": [hidden],
        **({"enc_p.emb_pitch.weight": [256, hidden]} if pitch else {}),
        **reference.transformer_shapes(
            "enc_p.encoder", hidden, size["filter"], size["heads"], size["layers"], KERNEL_SIZE, WINDOW
        ),
        **reference.conv_shapes("enc_p.proj", 2 * latent, hidden, 1),
        **reference.conv_shapes("dec.conv_pre", initial, latent, 7),
        **reference.upsampling_shapes(initial, gin, rates, kernel_sizes, harmonics=1 if pitch else 0),
        **reference.conv_shapes("dec.conv_post", 1, last, 7, bias=False),
        **(reference.posterior_shapes(spectrum, latent, hidden, gin, size["posterior"]) if posterior else {}),
        **reference.flow_shapes(latent, hidden, wavenet_layers=3, gin=gin),
        "emb_g.weight": [size["speakers"], gin],
    }


def small_size(variant: str) -> dict[str, int]:
    return SMALL | {"initial": 2 ** len(RATES[variant][0])}


def small_file(variant: str, weights: dict[str, Tensor], pitch: bool) -> dict[str, Any]:
    """RVC's exchange format: half precision, and the 18 arguments of its synthesizer."""
    rates, kernel_sizes = RATES[variant]
    version, rate = variant.split("-")
    hidden, latent, initial = SMALL["hidden"], SMALL["latent"], small_size(variant)["initial"]
    architecture = [latent, hidden, SMALL["filter"], SMALL["heads"], SMALL["layers"], KERNEL_SIZE, 0]
    blocks = ["1", list(reference.KERNEL_SIZES), [list(reference.DILATIONS)] * 3]
    return {
        "weight": {name: tensor.half() for name, tensor in weights.items()},
        "config": [
            *(513 if rate == "32k" else 1025, 32),
            *architecture,
            *blocks,
            *(rates, initial, kernel_sizes, 109, SMALL["gin"], 100 * math.prod(rates)),
        ],
        "info": "20epoch",
        "sr": rate,
        "f0": int(pitch),
        "version": version,
    }


def sing(weights: dict[str, Tensor], variant: str, content: Tensor, f0: Tensor, speaker: int) -> Tensor:
    """Output at noise scale 0: content (1, C, T), f0 (1, T) in Hz, 0 where unvoiced -> (1, 1, T * hop)."""
    weights = reference.doubles(weights.items())
    rates, _ = RATES[variant]
    hidden = content.double().transpose(1, 2) @ weights["enc_p.emb_phone.weight"].T + weights["enc_p.emb_phone.bias"]
    if "enc_p.emb_pitch.weight" in weights:
        hidden = hidden + weights["enc_p.emb_pitch.weight"][reference.pitch_bins(f0)]
    hidden = F.leaky_relu(hidden * math.sqrt(hidden.shape[2]), 0.1).transpose(1, 2)
    hidden = reference.transformer(weights, "enc_p.encoder", hidden, SMALL["heads"])
    mean = reference.conv(weights, "enc_p.proj", hidden)[:, : SMALL["latent"]]
    voice = weights["emb_g.weight"][speaker][None, :, None]
    latent = reference.inverse_flow(weights, mean, voice)
    return reference.decode(weights, latent, f0.double(), voice, rates, 100 * math.prod(rates))


def record(variant: str, seed: int, pitch: bool = True, training: bool = False) -> None:
    weights = reference.random_weights(shapes(variant, small_size(variant), pitch, posterior=training), seed)
    content: dict[str, Any] = {"model": weights, "iteration": 3, "optimizer": {}, "learning_rate": 1e-4}
    if not training:
        content = small_file(variant, weights, pitch)
        weights = {name: tensor.float() for name, tensor in content["weight"].items()}
    features = (
        torch.randn(1, channels_of(variant), FRAMES, generator=torch.Generator().manual_seed(seed)).half().float()
    )
    f0, voiced = reference.contour(FRAMES)
    speaker = 2
    audio = sing(weights, variant, features, f0 * voiced, speaker)
    print(variant, f"pitch {pitch}, level {audio.std():.3f}, highest {audio.abs().max():.3f}")
    name = f"{variant}{'' if pitch else '-nono'}{'-training' if training else ''}"
    torch.save(content, HERE / "rvc" / f"{name}.pth")
    arrays = {"content": features.half(), "f0": f0, "uv": voiced, "audio": audio.float()}
    np.savez_compressed(
        HERE / "rvc" / f"{name}.npz", speaker=[speaker], **{key: array.numpy() for key, array in arrays.items()}
    )


if __name__ == "__main__":
    (HERE / "rvc").mkdir(exist_ok=True)
    record("v1-48k", seed=2)
    record("v1-40k", seed=1, training=True)
    record("v2-48k", seed=3)
    record("v2-32k", seed=4, pitch=False)
    dumps = {
        f"{variant}{'' if pitch else '-nono'}": shapes(variant, FULL, pitch, posterior=True)
        for variant in RATES
        for pitch in (True, False)
    }
    (HERE.parent / "zoo" / "rvc_statedicts.json.gz").write_bytes(gzip.compress(json.dumps(dumps).encode(), mtime=0))
