"""What a file is, for a person who has found it somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.features.content import check_encoder
from myna.onnx import runtime
from myna.zoo import packing
from myna.zoo.opening import OpenedVoice, open_voice
from myna.zoo.recognition import TITLES, NotAVoiceError, Recognised, Weights


@dataclass(frozen=True)
class Inspection:
    """A voice that sings here, or what a file is instead."""

    path: str
    what: str
    megabytes: float
    sings: bool
    version: str | None = None  # of the program whose voices are so built
    content_encoder: str | None = None
    content_channels: int | None = None
    speakers: list[str] = field(default_factory=list)
    n_speakers: int | None = None  # rows of the weights
    sample_rate: int | None = None  # Hz
    half_precision: bool | None = None
    iteration: int | None = None  # epoch
    step: int | None = None
    trainable: bool | None = None  # whether training can go on from it
    made_with: str | None = None
    licence: str | None = None
    author: str | None = None
    cover: str | None = None  # what a packed voice says of itself
    timbre: dict[str, int] = field(default_factory=dict)  # vectors a speaker of its cluster model or index
    pitch: dict[str, float] = field(default_factory=dict)  # median of each speaker's recordings, in Hz
    suspicious: list[str] = field(default_factory=list)


def inspect(path: Path, config_path: Path | None = None) -> Inspection:
    """Look at a file without singing.

    Raises:
        CheckpointError: it cannot be read at all: absent, damaged, or unsafe.
        MissingExtraError: it is a graph of ONNX, which takes ONNX Runtime to read.
    """
    if path.suffix == runtime.SUFFIX and path.is_file():
        return _inspect_exported(path)
    try:
        opened = open_voice(path, config_path)
    except NotAVoiceError as error:
        return Inspection(str(path), error.what, _megabytes(path), sings=False)
    found, config = opened.recognised, opened.config
    suspicious, sings = [*opened.remarks, *_suspicions(found.weights)], True
    try:
        opened.build()
        check_encoder(config.content_encoder)
    except (CheckpointError, ConfigError) as error:
        suspicious.append(str(error).removeprefix(f"{path}: "))
        sings = False
    weights = found.weights
    card = found.card
    return Inspection(
        str(path),
        what=f"a voice of {TITLES[found.family]}",
        megabytes=_megabytes(path),
        sings=sings,
        version=_version(found, config),
        half_precision=any(tensor.dtype in (torch.float16, torch.bfloat16) for tensor in weights.values()),
        iteration=found.epoch,
        step=found.step,
        trainable=_trainable(found),
        made_with=_made_with(opened),
        licence=card.licence if card else None,
        author=found.author,
        cover=card.cover if card else None,
        timbre={str(one): len(own) for one, own in found.timbre.vectors.items()} if found.timbre else {},
        suspicious=suspicious,
        **_heard(config),
    )


def _inspect_exported(path: Path) -> Inspection:
    card = packing.read_exported(path)
    return Inspection(
        str(path),
        what=f"a voice of {TITLES.get(card.family, card.family)} as a graph of ONNX",
        megabytes=_megabytes(path),
        sings=True,
        half_precision=False,
        iteration=card.epoch,
        step=card.step,
        trainable=False,
        made_with="myna",
        licence=card.licence,
        author=card.author,
        cover=card.cover,
        **_heard(Config.parse(card.config)),
    )


def _heard(config: Config) -> dict[str, Any]:
    """What the configuration says of how a voice hears and of who sings."""
    return {
        "content_encoder": config.content_encoder,
        "content_channels": config.model.content_channels,
        "speakers": sorted(config.speakers, key=lambda name: config.speakers[name]),
        "n_speakers": config.model.n_speakers,
        "sample_rate": config.data.sample_rate,
        "pitch": {speaker: one.median_hz for speaker, one in config.pitch.items()},
    }


def _version(found: Recognised, config: Config) -> str | None:
    """The version whose template has this architecture, as far as weights tell it."""
    model = config.model
    if found.family == "rvc":
        return f"{'v1' if model.content_channels == 256 else 'v2'}{'' if model.follows_pitch else ', without pitch'}"
    if found.family != "so-vits-svc":
        return None
    if model.type_ != "hifi-gan":
        return f"so-vits-svc-fork 4, QuickVC ({model.type_})"
    only_41 = {
        "loudness": model.loudness_embedding,
        "snake": model.decoder == "nsf-snake-hifigan",
        "no f0 predictor": not model.predict_f0,
        "depthwise": model.use_depthwise_conv,
        "shared flow": model.share_flow_parameters,
        "transformer flow": model.use_transformer_flow,
    }
    marks = [mark for mark, there in only_41.items() if there]
    if marks:
        return f"4.1 ({', '.join(marks)})"
    if model.speech_encoder is not None:
        return "4.1"
    widths = {(256, 256): "4.0", (768, 256): "so-vits-svc-fork 4", (768, 768): "4.1, or 4.0 with 768 channels"}
    return widths.get((model.content_channels, model.speaker_channels), "4")


def _made_with(opened: OpenedVoice) -> str | None:
    family, content, config = opened.recognised.family, opened.recognised.content, opened.config
    if "myna" in content or family == "myna":
        return "myna"
    if family == "rvc":
        return "Applio" if "model_name" in content or "embedder_model" in content else "RVC"
    if family == "so-vits-svc" and content.get("iteration") == 0 and not _has_posterior(opened.recognised.weights):
        return "so-vits-svc 4.1, made smaller for release"
    if config.data.contentvec_final_proj is not None:
        return "so-vits-svc-fork"
    return "so-vits-svc" if "iteration" in content else None


def _trainable(found: Recognised) -> bool:
    """With the moments of its optimiser and all that training needs."""
    return bool((found.content.get("optimizer") or {}).get("state")) and (
        found.family == "myna" or _has_posterior(found.weights)
    )


def _has_posterior(weights: Weights) -> bool:
    return any(name.startswith("enc_q.") for name in weights)


def _suspicions(weights: Weights) -> Iterator[str]:
    broken = [name for name, tensor in weights.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        yield f"{len(broken)} tensors hold NaN or infinity, the first is {broken[0]}"
    silent = [name for name, tensor in weights.items() if name.endswith("weight_v") and not tensor.any()]
    if silent:
        yield f"{len(silent)} layers hold nothing but zeros, the first is {silent[0]}"


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)
