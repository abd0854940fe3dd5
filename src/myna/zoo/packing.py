"""A voice in one file: a `.safetensors` that holds all that must travel with it, and runs nothing when it is read.

The tensors have the field's names. What belongs to them stands as JSON under the key `myna` of the file's metadata:
the configuration with the speakers and their pitch, whose work it is and under which licence, how it was trained, and a
SHA-256 of the weights, which is checked when the voice is opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import safetensors
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import save_file
from torch import Tensor

from myna.checkpoint import Checkpoint, write
from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.files import replacing

SUFFIX = ".safetensors"
_KEY = "myna"
_FORMAT = 1
_POSTERIOR = "enc_q."  # needed in training only
_LONGEST_HEADER = 100_000_000  # what the format allows


class Card(BaseModel):
    """What a packed voice says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    family: str
    config: dict[str, Any]  # of a config.json
    content_encoder: str
    sha256: str  # of the weights, see `digest`
    licence: str = ""
    author: str = ""
    about: str = ""
    step: int | None = None
    epoch: int | None = None
    released: bool = False  # without what only training needs


def is_packed(path: Path) -> bool:
    """Whether a file begins as the format does: the length of the header, and a JSON object."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        return False
    return start[8:] == b"{" and 2 <= int.from_bytes(start[:8], "little") <= _LONGEST_HEADER


def pack(
    path: Path,
    weights: Mapping[str, Tensor],
    card: Mapping[str, Any],
    *,
    half: bool = False,
    release: bool = False,
) -> None:
    """Write a packed voice.

    Args:
        path: the file; what is there is replaced when the new one is whole.
        weights: under the field's names.
        card: the values of `Card`, but for its hash.
        half: weights in 16 bits.
        release: leave out what only training needs.

    Raises:
        CheckpointError: it cannot be written.
    """
    kept = {name: one for name, one in weights.items() if not (release and name.startswith(_POSTERIOR))}
    kept = {name: _stored(tensor, half) for name, tensor in kept.items()}
    filled = Card(**card, sha256=digest(kept), released=release)
    metadata = {"format": "pt", _KEY: filled.model_dump_json(exclude_defaults=True)}
    try:
        with replacing(path) as temporary:
            save_file(kept, temporary, metadata)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot write {path}: {error}") from error


def read_packed(path: Path) -> tuple[dict[str, Tensor], Card | None]:
    """The tensors of a `.safetensors` file, and its card; None where another program wrote it.

    Raises:
        CheckpointError: the file is damaged, or is not what it was when it was packed.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except MemoryError:
        raise
    except Exception as error:  # what its parser raises is not of one kind
        raise CheckpointError(f"{path} is damaged or only a part of the file; get it again") from error
    if text is None:
        return weights, None
    try:
        card = Card.model_validate_json(text)
    except ValidationError as error:
        raise CheckpointError(f"{path} is a voice of a newer myna, or damaged; update myna, or get it again") from error
    if digest(weights) != card.sha256:
        raise CheckpointError(f"{path} is not as it was packed: the weights do not have its SHA-256; get it again")
    return weights, card


def unpack(path: Path, folder: Path) -> tuple[Path, Path]:
    """Write a packed voice as `G_<step>.pth` and `config.json`, as so-vits-svc and so-vits-svc-fork know voices.

    Returns:
        The two paths.

    Raises:
        CheckpointError, ConfigError: `path` is no packed voice, or something of that name is there.
    """
    weights, card = read_packed(path)
    if card is None:
        raise CheckpointError(f"{path} is not a packed voice: it holds weights only")
    paths = folder / f"G_{card.step or card.epoch or 1}.pth", folder / "config.json"
    for there in paths:
        if there.exists():
            raise ConfigError(f"{there} is there already; choose another folder with -o")
    folder.mkdir(parents=True, exist_ok=True)
    single = {name: one.float() if one.is_floating_point() else one for name, one in weights.items()}
    config = Config.parse(card.config)
    rate = config.train.learning_rate
    # The fork reads the optimiser's state even where it only sings.
    optimizer: dict[str, Any] = {"state": {}, "param_groups": []}
    write(paths[0], Checkpoint(single, card.epoch or 0, rate, optimizer, {"step": card.step or 0}))
    config.write(paths[1])
    return paths


def digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors: of the name, type, shape and bytes of each, in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        found.update(json.dumps([name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _stored(tensor: Tensor, half: bool) -> Tensor:
    """On its own, since a file holds no tensor twice and shares none."""
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.half() if half else tensor.float()
    return tensor.clone().contiguous()
