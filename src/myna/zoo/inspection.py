"""Inspection of files of unknown origin: facts about a file for display."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.features.content import check_encoder
from myna.zoo.diffusion import is_refiner, open_refiner
from myna.zoo.opening import OpenedVoice, open_voice
from myna.zoo.recognition import Family, NotAVoiceError, Recognised, Weights
from myna.zoo.vocoders import is_vocoder, open_vocoder


@dataclass(frozen=True)
class Inspection:
    """Facts about a voice or another file."""

    path: str
    what: str
    megabytes: float
    sings: bool  # whether the file is a usable voice
    version: str | None = None  # version of the program whose voices have this architecture
    content_encoder: str | None = None
    content_channels: int | None = None
    speakers: list[str] = field(default_factory=list)
    n_speakers: int | None = None  # number of speakers in the weights
    sample_rate: int | None = None  # Hz
    half_precision: bool | None = None
    iteration: int | None = None  # number of training epochs
    step: int | None = None
    trainable: bool | None = None  # whether training can be resumed from this file
    made_with: str | None = None
    licence: str | None = None
    author: str | None = None
    cover: str | None = None  # description of the voice, from a packed or exported voice
    # Number of retrieval vectors of each speaker; named `timbre` because the JSON output has this key.
    timbre: dict[str, int] = field(default_factory=dict)
    pitch: dict[str, float] = field(default_factory=dict)  # median f0 of each speaker's recordings, in Hz
    suspicious: list[str] = field(default_factory=list)
    # Facts about a file that is not a voice but can be used beside one, for example a vocoder; by name, for display.
    facts: dict[str, str] = field(default_factory=dict)


def inspect(path: Path, config_path: Path | None = None) -> Inspection:
    """Return facts about a file, which may be a voice or another file; no audio is converted.

    Raises:
        CheckpointError: the file cannot be read because it is missing, damaged or unsafe.
        ConfigError: the configuration of the voice is missing or malformed.
        MissingExtraError: the file is an ONNX graph, and ONNX Runtime is not installed.
    """
    try:
        opened = open_voice(path, config_path)
    except NotAVoiceError as error:
        facts, suspicious = _beside_a_voice(path, config_path)
        return Inspection(str(path), error.what, _megabytes(path), sings=False, facts=facts, suspicious=suspicious)
    return inspect_opened(opened)


def _beside_a_voice(path: Path, config_path: Path | None) -> tuple[dict[str, str], list[str]]:
    """Return facts about a file that can be used beside a voice, and anything suspicious; empty for other files."""
    if is_vocoder(path):
        return inspect_vocoder(path)
    if is_refiner(path):
        return inspect_refiner(path, config_path)
    return {}, []


def inspect_vocoder(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return facts about a vocoder, by name, and anything suspicious."""
    try:
        opened = open_vocoder(path)
        opened.build()
    except (CheckpointError, ConfigError) as error:
        return {"usable": "no"}, [str(error)]
    config = opened.config
    facts = {
        "sample rate": f"{config.sampling_rate} Hz",
        "mel bands": f"{config.num_mels}, {config.fmin:g} to {config.fmax or config.sampling_rate / 2:g} Hz",
        "frames": f"{config.hop_size} samples",
        "channels": f"{config.upsample_initial_channel}, {len(config.upsample_rates)} upsampling steps",
        "trained with": "transposed mel spectrograms" if config.pc_aug else "",
        "usable": "yes, with --vocoder",
    }
    return {name: fact for name, fact in facts.items() if fact}, [*opened.remarks, *_suspicions(opened.weights)]


def inspect_refiner(path: Path, config_path: Path | None = None) -> tuple[dict[str, str], list[str]]:
    """Return facts about a refiner and its yaml file, by name, and anything suspicious."""
    try:
        opened = open_refiner(path, config_path)
        opened.build()
    except (CheckpointError, ConfigError) as error:
        return {"usable": "no"}, [str(error)]
    config, sizes = opened.config, opened.sizes
    names = sorted(config.spk, key=lambda name: config.spk[name])
    facts = {
        "content": f"{config.data.content_encoder}, {sizes.content_channels} channels",
        "speakers": ", ".join(names) or f"{sizes.n_speakers}, without names",
        "sample rate": f"{config.data.sampling_rate} Hz",
        "mel bands": str(sizes.n_mels),
        "frames": f"{config.data.block_size} samples",
        "channels": f"{sizes.channels}, {sizes.n_layers} layers",
        "noise levels": f"1 to {sizes.max_k_step} of {sizes.n_levels}",
        "trained": "" if opened.step is None else f"step {opened.step:,}",
        "usable": "yes, with -dm",
    }
    return {name: fact for name, fact in facts.items() if fact}, [*opened.remarks, *_suspicions(opened.weights)]


def inspect_opened(opened: OpenedVoice) -> Inspection:
    """Return facts about a voice that is already open."""
    path, found, config = opened.path, opened.recognised, opened.config
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
        what=f"a voice of {opened.title}",
        megabytes=_megabytes(path),
        sings=sings,
        version=_VERSIONS.get(found.family, _no_version)(config),
        half_precision=any(tensor.dtype in (torch.float16, torch.bfloat16) for tensor in weights.values()),
        iteration=found.epoch,
        step=found.step,
        trainable=_trainable(found),
        made_with=_made_with(found, config),
        licence=card.licence if card else None,
        author=found.author,
        cover=card.cover if card else None,
        timbre={str(one): len(own) for one, own in found.retrieval.vectors.items()} if found.retrieval else {},
        suspicious=suspicious,
        facts={"vocoder": "packed with the voice, for --enhance"} if "vocoder" in found.parts else {},
        **_inputs_of(config),
    )


def _inputs_of(config: Config) -> dict[str, Any]:
    """Return the facts in the configuration about content features, speakers, sample rate and pitch."""
    return {
        "content_encoder": config.content_encoder,
        "content_channels": config.model.content_channels,
        "speakers": sorted(config.speakers, key=lambda name: config.speakers[name]),
        "n_speakers": config.model.n_speakers,
        "sample_rate": config.data.sample_rate,
        "pitch": {speaker: one.median_hz for speaker, one in config.pitch.items()},
    }


def _no_version(config: Config) -> None:
    return None


def _rvc_version(config: Config) -> str:
    model = config.model
    return f"{'v1' if model.content_channels == 256 else 'v2'}{'' if model.follows_pitch else ', without pitch'}"


def _sovits_version(config: Config) -> str:
    """Return the so-vits-svc version whose template has this architecture, as far as the weights determine it."""
    model = config.model
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


_VERSIONS: Mapping[Family, Callable[[Config], str | None]] = {"rvc": _rvc_version, "so-vits-svc": _sovits_version}


def _made_with(found: Recognised, config: Config) -> str | None:
    if "myna" in found.content:
        return "myna"
    return _MAKERS[found.family](found, config)


def _rvc_maker(found: Recognised, config: Config) -> str:
    return "Applio" if "model_name" in found.content or "embedder_model" in found.content else "RVC"


def _sovits_maker(found: Recognised, config: Config) -> str | None:
    if found.content.get("iteration") == 0 and not _has_posterior(found.weights):
        return "so-vits-svc 4.1, made smaller for release"
    return _sovits3_maker(found, config)


def _sovits3_maker(found: Recognised, config: Config) -> str | None:
    if config.data.contentvec_final_proj is not None:
        return "so-vits-svc-fork"
    return "so-vits-svc" if "iteration" in found.content else None


_MAKERS: Mapping[Family, Callable[[Recognised, Config], str | None]] = {
    "so-vits-svc": _sovits_maker,
    "so-vits-svc-3.0": _sovits3_maker,
    "rvc": _rvc_maker,
    "myna": lambda found, config: "myna",
    "onnx": lambda found, config: "myna",
}
# Families whose training needs no posterior encoder: only the light voice. VITS cannot be trained without one.
_WITHOUT_POSTERIOR: frozenset[Family] = frozenset({"myna"})


def _trainable(found: Recognised) -> bool:
    """Return True if a file contains the optimizer's state and all parts of the generator for training."""
    return bool((found.content.get("optimizer") or {}).get("state")) and (
        found.family in _WITHOUT_POSTERIOR or _has_posterior(found.weights)
    )


def _has_posterior(weights: Weights) -> bool:
    return any(name.startswith("enc_q.") for name in weights)


def _suspicions(weights: Mapping[str, Tensor]) -> Iterator[str]:
    broken = [name for name, tensor in weights.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        yield f"{len(broken)} tensors contain NaN or infinity, the first is {broken[0]}"
    silent = [name for name, tensor in weights.items() if name.endswith("weight_v") and not tensor.any()]
    if silent:
        yield f"{len(silent)} layers contain only zeros, the first is {silent[0]}"


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)
