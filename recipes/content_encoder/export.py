"""Export the trained encoder in 8 bits. New codes are scaled to mean 0 and variance 1 of each channel."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import myna
from myna.features.content.embedded import AHEAD_FRAMES, ContentNetwork
from myna.storage.quantization import packed

PACKAGED = Path(myna.__file__).parent / "weights"
TEACHERS = {"myna-content-1": "openai/whisper-base (MIT)", "myna-content-2": "myna-content-1"}


@torch.inference_mode()
def export(name: str, checkpoint: Path, folder: Path, path: Path, every: int = 12) -> None:
    """Write the averaged weights of `checkpoint` to `path`.

    Args:
        checkpoint: `last.pt` of a run of `train`.
        folder: folder of the clips that `prepare` wrote.
        path: file to write.
        every: the scale of the content is measured on every `every`-th training clip.
    """
    state = torch.load(checkpoint, weights_only=True)
    prefix = "network."
    weights = {name[len(prefix) :]: one for name, one in state["average"].items() if name.startswith(prefix)}
    if name == "myna-content-1":  # other encoders have its codes
        network = ContentNetwork(AHEAD_FRAMES[name]).eval()
        network.load_state_dict(weights)
        clips = [one for one in json.loads((folder / "clips.json").read_text("utf-8")) if not one["held_out"]][::every]
        audio = [load_file(folder / f"{one['name']}.safetensors")["audio.0"].float() / 32768 for one in clips]
        content = torch.cat([network(one[None])[0] for one in audio], dim=1)
        std, mean = torch.std_mean(content, dim=1)
        weights["codes.weight"] = weights["codes.weight"] / std[:, None]
        weights["codes.bias"] = (weights["codes.bias"] - mean) / std
    path.parent.mkdir(exist_ok=True)
    about = {"steps": str(state["step"]), "teacher": TEACHERS[name], "recipe": "recipes/content_encoder"}
    save_file({name: one.contiguous() for name, one in packed(weights, n_axes).items()}, path, metadata=about)
    path.chmod(0o644)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {state['step']} steps")


def n_axes(name: str, tensor: Tensor) -> int:
    """Quantise matrices, with a scale per row."""
    return 0 if tensor.dim() < 2 or name.endswith("distances") else 1
