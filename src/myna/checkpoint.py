"""Checkpoint files of the field, `G_*.pth` and `D_*.pth`: read without running code, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from myna.errors import CheckpointError

Kind = Literal["G", "D"]  # generator or discriminator

# Where we keep what the predecessors have no place for; they do not look at it.
_EXTRA_KEY = "myna"
_SHOWN_MISMATCHES = 12


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds."""

    weights: dict[str, Tensor]  # under the names in the file
    iteration: int  # epoch
    learning_rate: float
    optimizer: dict[str, Any] | None  # its state_dict
    extra: dict[str, Any] = field(default_factory=dict)  # tensors and plain values


def read(path: Path | str, kind: Kind = "G") -> Checkpoint:
    """Read a generator's or a discriminator's file. No code in it is ever run.

    Tensors lie in the file until they are looked at, so what is not needed of a file costs nothing.

    Raises:
        CheckpointError: the file is something else, and the message says what.
    """
    path = Path(path)
    content = _load(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a voice")
    weights = content.get("model")
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CheckpointError(f"{path} is {_what_instead(content)}, not a so-vits-svc checkpoint")
    weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    _check_kind(path, weights, kind)
    return Checkpoint(
        weights=weights,
        iteration=int(content.get("iteration") or 0),
        learning_rate=float(content.get("learning_rate") or 0.0),
        optimizer=content.get("optimizer") or None,
        extra=content.get(_EXTRA_KEY) or {},
    )


def write(path: Path | str, checkpoint: Checkpoint) -> None:
    """Write a file so that, whatever happens, what stands under `path` is whole: the new file or the one before.

    Raises:
        CheckpointError: it cannot be written, for example because the disk is full; nothing has changed.
    """
    write_together({Path(path): checkpoint})


def write_together(checkpoints: Mapping[Path, Checkpoint]) -> None:
    """`write` files that belong together: none takes its place before all are safely on the disk."""
    temporaries = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in checkpoints}
    try:
        for path, checkpoint in checkpoints.items():
            _write_synced(temporaries[path], checkpoint)
        for path, temporary in temporaries.items():
            os.replace(temporary, path)
        for folder in {path.parent for path in checkpoints}:
            _sync_folder(folder)
    except OSError as error:
        names = " and ".join(str(path) for path in checkpoints)
        raise CheckpointError(
            f"cannot write {names}: {error.strerror or error}; what was saved before is untouched"
        ) from error
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def latest(folder: Path | str, kind: Kind = "G") -> Path | None:
    """The checkpoint with the highest number; base weights, number 0, only where nothing else is."""
    found = numbered(folder, kind)
    return found[max(found)] if found else None


def numbered(folder: Path | str, kind: Kind = "G") -> dict[int, Path]:
    """The checkpoints of a folder by their number, ascending."""
    found = {}
    for path in Path(folder).glob(f"{kind}_*.pth"):
        match = re.fullmatch(r"._(\d+)", path.stem)
        if match:
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put `weights`, under the module's own names, into the module: all of them, or none.

    Raises:
        CheckpointError: it lists the tensors that are missing, unexpected, or of another shape.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in weights]
    unexpected = [name for name in weights if name not in own]
    misshaped = [name for name in own if name in weights and own[name].shape != weights[name].shape]
    problems = [f"{name} is missing" for name in missing]
    problems += [f"{name} is unexpected" for name in unexpected]
    problems += [f"{name} is {_shape(weights[name])} instead of {_shape(own[name])}" for name in misshaped]
    if problems:
        shown = "; ".join(problems[:_SHOWN_MISMATCHES])
        more = f"; and {len(problems) - _SHOWN_MISMATCHES} more" if len(problems) > _SHOWN_MISMATCHES else ""
        keys = _causes(missing, unexpected, {name: (own[name], weights[name]) for name in misshaped})
        advice = f". Look at {', '.join(keys)} in config.json" if keys else ""
        raise CheckpointError(f"the weights do not fit the configuration: {shown}{more}{advice}")
    module.load_state_dict(dict(weights), strict=False)


def _load(path: Path) -> Any:
    """The content of a file that torch wrote, tensors and plain values only."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    _refuse_impostor(path, start, size)
    try:
        with torch.serialization.safe_globals(_numpy_scalars()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which are read well
            return torch.load(path, map_location="cpu", weights_only=True, mmap=start.startswith(b"PK") or None)
    except MemoryError:
        raise
    # torch raises whatever its parsers stumble over; each means that this is not a file that it wrote, or not whole.
    except Exception as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named:
            raise CheckpointError(
                f"{path} names {named[1]}, which could run code when the file is opened: refused. "
                "A voice holds numbers only; get it from someone you trust"
            ) from error
        if "Weights only" in str(error):
            raise CheckpointError(
                f"{path} is a pickle that torch did not write, and which could run code: refused"
            ) from error
        raise CheckpointError(f"{path} is damaged or only a part of the file; get it again") from error


def _refuse_impostor(path: Path, start: bytes, size: int) -> None:
    """Raise `CheckpointError` where the file is what people often get instead of weights."""
    text = start.lstrip().lower()
    if not size:
        raise CheckpointError(f"{path} is empty; get it again")
    if text.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the weights; run git lfs pull, or download the file itself"
        )
    if text.startswith(b"<"):
        raise CheckpointError(f"{path} is a web page, not the weights; download the file itself")
    if not start.startswith((b"PK", b"\x80")):  # a zip archive, or the pickle of torch before 1.6
        raise CheckpointError(f"{path} is not a checkpoint: torch did not write it")
    if start.startswith(b"PK") and not zipfile.is_zipfile(path):  # the directory of a zip archive stands at its end
        raise CheckpointError(f"{path} is only a part of the file ({size:,} bytes); get it again")


@cache
def _numpy_scalars() -> list[Any]:
    """What pickles of numpy numbers name: some files of the field hold such a learning rate."""
    rebuild = np.float64(0).__reduce__()[0]
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    dtypes = [type(np.dtype(name)) for name in ("float32", "float64", "int32", "int64")]
    return [*((rebuild, f"{module}.scalar") for module in modules), np.dtype, *dtypes]


def _what_instead(content: dict[str, Any]) -> str:
    """What a file without so-vits-svc's `model` is, for a person."""
    if {"weight", "config"} <= content.keys():
        return "a voice of RVC"
    if "generator" in content:
        return "a vocoder"
    if {"args", "cfg"} & content.keys():
        return "a content encoder"
    if content and all(isinstance(value, dict) and "cluster_centers_" in value for value in content.values()):
        return "a cluster model"
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return "bare weights"
    return f"a file with {', '.join(map(str, list(content)[:6])) or 'nothing'}"


# A tensor that only one kind of model has, and what that model is; the first that is found counts.
_STRANGERS = {
    "enc_p.emb_phone.weight": "a voice of RVC in training",
    "text_encoder.pre_net.weight": "a voice of so-vits-svc 4.0-v2",
    "enc_p_.pre.weight": "a voice of so-vits-svc 3.0",
    "unit_embed.weight": "a diffusion model",
    "unit2ctrl.unit_embed.weight": "a voice of DDSP-SVC",
    "enc_p.emb.weight": "a text-to-speech model",
}


def _check_kind(path: Path, weights: Mapping[str, Tensor], kind: Kind) -> None:
    for name, what in _STRANGERS.items():
        if name in weights:
            raise CheckpointError(f"{path} is {what}, which cannot be used here")
    found = "D" if any(name.startswith("discriminators.") for name in weights) else "G"
    if found == kind:
        return
    if found == "D":
        raise CheckpointError(
            f"{path} is a discriminator, which only training needs; the voice is the G_*.pth beside it"
        )
    raise CheckpointError(f"{path} is a generator; a discriminator, D_*.pth, belongs here")


def _write_synced(path: Path, checkpoint: Checkpoint) -> None:
    content = {
        "model": checkpoint.weights,
        "iteration": checkpoint.iteration,
        "optimizer": checkpoint.optimizer,
        "learning_rate": checkpoint.learning_rate,
        _EXTRA_KEY: checkpoint.extra,
    }
    with path.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            # torch's archive writer reports where it came out of step; why is the error of the file beneath.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself last, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Names of tensors that a key decides: on a dimension of their shape, or (None) on whether they are there.
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
    """The configuration keys that explain what does not fit."""
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
