"""Reading and writing of checkpoints in so-vits-svc's format (`G_*.pth`, `D_*.pth`).

Reading runs no code from the file. Writing is atomic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from myna.errors import CheckpointError, reason_of
from myna.storage import torch_file
from myna.storage.atomic import replacing_together

Kind = Literal["G", "D"]  # generator or discriminator

# Key for data that the predecessors' format does not contain; the predecessors ignore it.
_EXTRA_KEY = "myna"
_SHOWN_MISMATCHES = 12
_MAX_NUMBER = 2**53  # a larger epoch or learning rate means a damaged file


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint file."""

    weights: dict[str, Tensor]  # by their names in the file
    iteration: int  # the epoch, which the format names iteration
    learning_rate: float
    optimizer: dict[str, Any] | None  # state dict of the optimizer; None if the file has none
    extra: dict[str, Any] = field(default_factory=dict)  # tensors and plain values


def read(path: Path | str, kind: Kind = "G") -> Checkpoint:
    """Read the checkpoint of a generator or discriminator, without running code from the file.

    Tensors are memory-mapped if their byte order and alignment allow it, so that unused tensors are not loaded.

    Raises:
        CheckpointError: the file cannot be read, or is a different kind of file; the message names the kind.
    """
    path = Path(path)
    content = torch_file.read(path)
    weights = content.get("model") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CheckpointError(f"{path} is not a checkpoint of so-vits-svc; 'svc inspect {path}' shows what it is")
    weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    _check_kind(path, weights, kind)
    return Checkpoint(
        weights=weights,
        iteration=int(_number(path, content, "iteration")),
        learning_rate=_number(path, content, "learning_rate"),
        optimizer=_mapping(path, content, "optimizer") or None,
        extra=_mapping(path, content, _EXTRA_KEY),
    )


def _number(path: Path, content: dict[str, Any], key: str) -> float:
    value = content.get(key) or 0
    if not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
        raise CheckpointError(f"{path} is damaged: its {key} is not a valid number; get the file again")
    return value


def _mapping(path: Path, content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is damaged: its part {key!r} has the wrong type; get the file again")
    return value


def write(path: Path | str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically: after a failure, `path` contains either the complete new file or the previous one.

    Raises:
        CheckpointError: the file cannot be written, e.g. because the disk is full; the previous file is unchanged.
    """
    write_together({Path(path): checkpoint})


def write_together(checkpoints: Mapping[Path, Checkpoint]) -> None:
    """Write several checkpoints like `write`; replace no file before all new files are on the disk."""
    try:
        with replacing_together(*checkpoints) as temporaries:
            for temporary, checkpoint in zip(temporaries, checkpoints.values(), strict=True):
                _write(temporary, checkpoint)
    except OSError as error:
        names = " and ".join(str(path) for path in checkpoints)
        raise CheckpointError(f"cannot write {names}: {reason_of(error)}; earlier checkpoints are unchanged") from error


def write_content(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values in torch's format atomically; raise the same errors as `write`."""
    try:
        with replacing_together(path) as temporaries:
            _save(temporaries[0], content)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {reason_of(error)}; the previous file is unchanged") from error


def latest(folder: Path | str, kind: Kind = "G") -> Path | None:
    """Return the path of the checkpoint with the highest number; None if the folder contains no checkpoint.

    Base weights count as a checkpoint with the number 0.
    """
    found = numbered(folder, kind)
    return found[max(found)] if found else None


def numbered(folder: Path | str, kind: Kind = "G") -> dict[int, Path]:
    """Return the paths of the checkpoints in a folder by number, in ascending order."""
    found = {}
    for path in Path(folder).glob(f"{kind}_*.pth"):
        match = re.fullmatch(r"._(\d+)", path.stem)
        if match:
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load `weights` into the module by the module's own tensor names. On an error, nothing is loaded.

    Raises:
        CheckpointError: tensors are missing, unexpected, of the wrong shape, or not of a floating-point type; the
            message lists the first of them.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in weights]
    unexpected = [name for name in weights if name not in own]
    misshaped = [name for name in own if name in weights and own[name].shape != weights[name].shape]
    problems = [f"{name} is missing" for name in missing]
    problems += [f"{name} is unexpected" for name in unexpected]
    problems += [f"{name} is {_shape(weights[name])} instead of {_shape(own[name])}" for name in misshaped]
    problems += [
        f"{name} is {str(weights[name].dtype).removeprefix('torch.')}"
        for name in own
        if name in weights and own[name].is_floating_point() and not weights[name].is_floating_point()
    ]
    if problems:
        shown = "; ".join(problems[:_SHOWN_MISMATCHES])
        more = f"; and {len(problems) - _SHOWN_MISMATCHES} more" if len(problems) > _SHOWN_MISMATCHES else ""
        keys = _causes(missing, unexpected, {name: (own[name], weights[name]) for name in misshaped})
        advice = f". Look at {', '.join(keys)} in config.json" if keys else ""
        raise CheckpointError(f"the weights do not fit the configuration: {shown}{more}{advice}")
    module.load_state_dict(dict(weights), strict=False)


def _check_kind(path: Path, weights: Mapping[str, Tensor], kind: Kind) -> None:
    found = "D" if any(name.startswith("discriminators.") for name in weights) else "G"
    if found == kind:
        return
    if found == "D":
        raise CheckpointError(
            f"{path} is a discriminator, which only training uses; the voice is the G_*.pth beside it"
        )
    raise CheckpointError(f"{path} is a generator; a discriminator, D_*.pth, is needed here")


def _write(path: Path, checkpoint: Checkpoint) -> None:
    content = {
        "model": checkpoint.weights,
        "iteration": checkpoint.iteration,
        "optimizer": checkpoint.optimizer,
        "learning_rate": checkpoint.learning_rate,
        _EXTRA_KEY: checkpoint.extra,
    }
    _save(path, content)


def _save(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        try:
            torch.save(dict(content), file)
        except RuntimeError as error:
            # If a write fails, torch's archive writer reports an unexpected position. The context of the exception has
            # the cause.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


# Each entry: a pattern of tensor names, a dimension of their shape, and the configuration key that determines it. With
# None as the dimension, the key determines whether the tensors exist.
_CAUSES: tuple[tuple[str, int | None, str], ...] = (
    (r"speaker_embedding\.weight", 0, "model.n_speakers"),
    (r"speaker_embedding\.weight", 1, "model.gin_channels"),
    (r"content_projection\.weight", 0, "model.hidden_channels"),
    (r"content_projection\.weight", 1, "model.ssl_dim"),
    (r"prior\.projection\.weight", 0, "model.inter_channels"),
    (r"prior\.transformer\.feed_forwards\.\d+\.expand\.weight", 0, "model.filter_channels"),
    (r"prior\.transformer\.feed_forwards\.\d+\.expand\.weight", 2, "model.kernel_size"),
    (r"prior\.transformer\.attentions\.\d+\.relative_keys", 2, "model.n_heads"),
    (r"prior\.transformer\.attentions\.\d+\..*", None, "model.n_layers"),
    (r"posterior\.input_conv\.weight", 1, "data.filter_length"),
    (r"decoder\.backbone\.input_conv\..*original1", 0, "model.upsample_initial_channel"),
    (r"decoder\.backbone\.upsamples\.\d+\..*original1", 2, "model.upsample_kernel_sizes"),
    (r"decoder\.source_convs\.\d+\.weight", 2, "model.upsample_rates"),
    (r"decoder\.backbone\.residual_blocks\.\d+\..*original1", 2, "model.resblock_kernel_sizes"),
    (r"decoder\.backbone\.residual_blocks\.\d+\.convs\..*", None, "model.resblock"),
    (r"decoder\.(source|subband_conv|merge_conv)\..*", None, "model.type_"),
    (r"decoder\..*\.(alpha|beta)", None, "model.vocoder_name"),
    (r"loudness_embedding\..*", None, "model.vol_embedding"),
    (r"f0_predictor\..*", None, "model.use_automatic_f0_prediction"),
    (r"flow\.shared_network\..*", None, "model.flow_share_parameter"),
    (r".*\.depthwise\..*", None, "model.use_depthwise_conv"),
    (r"flow\..*\.gate\..*", None, "model.use_transformer_flow"),
    (r"flow\.steps\.\d+\.input_conv\..*", None, "model.n_flow_layer"),
)


def _causes(missing: list[str], unexpected: list[str], misshaped: Mapping[str, tuple[Tensor, Tensor]]) -> list[str]:
    """Return the configuration keys whose values may have caused the mismatches."""
    return list(dict.fromkeys(_causes_of(missing + unexpected, misshaped)))


def _causes_of(present: list[str], misshaped: Mapping[str, tuple[Tensor, Tensor]]) -> Iterator[str]:
    for pattern, dimension, key in _CAUSES:
        if dimension is None:
            if any(re.fullmatch(pattern, name) for name in present):
                yield key
            continue
        for name, (own, given) in misshaped.items():
            same_rank = own.dim() == given.dim() > dimension
            if same_rank and own.shape[dimension] != given.shape[dimension] and re.fullmatch(pattern, name):
                yield key


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
