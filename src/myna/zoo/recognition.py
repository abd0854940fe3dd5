"""Recognition of voice files: first the format of the container, then the family of the generator in it.

Files are recognised by their content instead of their names, except for ONNX graphs: their format has no signature, so
they are recognised by their suffix. Each step uses the first match.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from myna.errors import CheckpointError
from myna.features.content.hubert import FAIRSEQ_CLASSES
from myna.onnx.runtime import OnnxSynthesizer, is_graph
from myna.retrieval import retrieval_file
from myna.retrieval.retrieval_file import RetrievalFile
from myna.storage import torch_file
from myna.zoo.packing import Card, Part, PartName, is_packed, read_packed
from myna.zoo.vocoders import TITLES as VOCODER_TITLES
from myna.zoo.vocoders import kind_of, vocoder_in

Family = Literal["so-vits-svc", "so-vits-svc-3.0", "rvc", "myna", "onnx"]
TITLES: Mapping[str, str] = {
    "so-vits-svc": "so-vits-svc 4",
    "so-vits-svc-3.0": "so-vits-svc 3.0",
    "rvc": "RVC",
    "myna": "myna",
}
Weights = dict[str, Tensor]

_TRAINING_KEYS = ("iteration", "optimizer", "learning_rate")


class NotAVoiceError(CheckpointError):
    """Error for an intact file that is not a voice, or is a voice that myna cannot use."""

    def __init__(self, path: Path, what: str, advice: str = "") -> None:
        super().__init__(f"{path} is {what}, not a voice that can be used here{f'; {advice}' if advice else ''}")
        self.what = what


@dataclass(frozen=True)
class Recognised:
    """Content of a file with a generator."""

    family: Family
    weights: Weights  # by their names in the file; empty for an exported voice
    content: Mapping[str, Any]  # all other content of a checkpoint; empty for other files
    card: Card | None = None  # None unless the voice is packed or exported
    retrieval: RetrievalFile | None = None  # None unless a packed voice contains retrieval data
    graph: OnnxSynthesizer | None = None  # None unless the voice is exported
    parts: Mapping[PartName, Part] = field(default_factory=dict)  # other networks in a packed voice

    @property
    def epoch(self) -> int | None:
        """Number of training epochs; None if the file does not record it. RVC's released files record it as text."""
        if self.card is not None:
            return self.card.epoch
        in_words = re.match(r"(\d{1,9}) ?epoch", str(self.content.get("info")))
        return _whole(self.content.get("iteration", self.content.get("epoch", in_words and int(in_words[1]))))

    @property
    def step(self) -> int | None:
        if self.card is not None:
            return self.card.step
        own = self.content.get("myna")
        return _whole((own if isinstance(own, dict) else self.content).get("step"))

    @property
    def author(self) -> str | None:
        return self.card.author if self.card is not None else _text(self.content.get("author"))


def recognise(path: Path) -> Recognised:
    """Read a file and find the generator in it.

    Raises:
        NotAVoiceError: the file is not a voice; the message names the kind of file and, if known, the way out.
        CheckpointError: the file cannot be read.
        MissingExtraError: the file is an ONNX graph, and ONNX Runtime is not installed.
    """
    return next(read for is_one, read in _CONTAINERS if is_one(path))(path)


def _read_graph(path: Path) -> Recognised:
    graph = OnnxSynthesizer(path)
    return Recognised("onnx", {}, {}, card=Card.of_graph(path, graph.metadata), graph=graph)


def _refuse_index(path: Path) -> Recognised:
    raise NotAVoiceError(path, "a retrieval index", _BESIDE)


def _read_packed(path: Path) -> Recognised:
    weights, card, retrieval, parts = read_packed(path)
    return replace(_found(path, weights), card=card, retrieval=retrieval, parts=parts)


def _read_torch_file(path: Path) -> Recognised:
    return _found(path, torch_file.read(path, FAIRSEQ_CLASSES))


def _found(path: Path, content: Any) -> Recognised:
    if isinstance(content, Tensor):
        raise NotAVoiceError(path, "an array, perhaps features of a recording")
    if not isinstance(content, dict):
        raise NotAVoiceError(path, f"a file with a {type(content).__name__}")
    found = generator_in(content)
    if found is None:
        raise NotAVoiceError(path, *describe(content))
    return found


# For each container format: a function that detects it, and a function that reads it. The first match is used.
_CONTAINERS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Recognised]], ...] = (
    (is_graph, _read_graph),
    (retrieval_file.is_index, _refuse_index),
    (is_packed, _read_packed),
    (lambda path: True, _read_torch_file),
)


def generator_in(content: Mapping[str, Any]) -> Recognised | None:
    """Find the generator in the content of a file; return None if there is no generator of a known family."""
    for key in ("model", "weight", None):
        weights = _state_dict(content.get(key) if key else content)
        family = weights and family_of(weights)
        if weights and family:
            rest = {name: value for name, value in content.items() if name != key} if key else {}
            return Recognised(family, weights, rest)
    return None


def family_of(weights: Mapping[str, Any]) -> Family | None:
    """Determine the family of a generator from its tensor names; return None if the family is unknown."""
    if "enc_p.emb_phone.weight" in weights:
        return "rvc"
    if "enc_p_.pre.weight" in weights:
        return "so-vits-svc-3.0"
    if "controls.weight" in weights and "dec.head.weight" in weights:
        return "myna"
    if "pre.weight" in weights and "emb_uv.weight" in weights and "enc_p.proj.weight" in weights:
        return "so-vits-svc"
    return None


def describe(content: Mapping[str, Any]) -> tuple[str, str]:
    """Describe the content of a file that is not a usable voice: its kind, and advice for the user."""
    vocoder = vocoder_in(content)
    if vocoder is not None and (kind := kind_of(vocoder)) is not None:
        return f"a vocoder ({VOCODER_TITLES[kind]})", "the voice is another file; give this one with --vocoder"
    inner = _state_dict(content.get("model")) or _state_dict(content) or {}
    for name, what, advice in _OTHER_MODELS:
        if any(key == name or (name.endswith(".") and key.startswith(name)) for key in inner):
            return what, advice
    if "generator" in content:
        return "a vocoder of an unknown kind", "the voice is another file"
    if {"args", "cfg", "task_state"} & content.keys():
        return "a content encoder in fairseq's format", "the voice is a G_*.pth"
    if content and all(isinstance(one, dict) and "cluster_centers_" in one for one in content.values()):
        return "a k-means cluster model", _BESIDE
    if "dims" in content and "model_state_dict" in content:
        return "a content encoder (Whisper)", "the voice is a G_*.pth"
    if {"unit", "content", "spec", "mel_spec"} & content.keys():
        return "features of a recording, made for training", "the voice is a G_*.pth"
    if inner and all(one.dim() == 2 and one.dtype == torch.float16 for one in inner.values()):
        return "a retrieval index", _BESIDE
    if "model" in content and set(_TRAINING_KEYS) & content.keys():
        return "a checkpoint of an unknown network", ""
    if inner:
        return f"weights of an unknown network (the first is {next(iter(inner))})", ""
    return f"a file with {', '.join(map(str, list(content)[:6])) or 'nothing'}", ""


# Models that cannot be used as a voice: an identifying tensor name, a description, and advice. A name that ends with a
# dot is a prefix. The first match is used.
_RETRAIN = "use it with its own tool"
_BESIDE = "give it with -k, beside a voice"
_REFINES = "give it with -dm, beside a voice"
_OTHER_MODELS = (
    ("discriminators.", "a discriminator, which only training needs", "the voice is the G_*.pth beside it"),
    ("text_encoder.pre_net.weight", "a voice of so-vits-svc 4.0-v2 (VISinger2)", _RETRAIN),
    ("emb_spk.weight", "a voice of so-vits-svc 4.0-v2 (VISinger2)", _RETRAIN),
    ("reflow_model.", "a voice of DDSP-SVC 6", _RETRAIN),
    ("diff_model.", "a voice of DDSP-SVC 4 or 5", _RETRAIN),
    ("ddsp_model.", "a voice of DDSP-SVC", _RETRAIN),
    ("unit2ctrl.", "a voice of DDSP-SVC", _RETRAIN),
    ("decoder.denoise_fn.", "a diffusion model (of so-vits-svc 4.1, or of Diffusion-SVC)", _REFINES),
    ("decoder.velocity_fn.", "a rectified flow, which refines a voice", _REFINES),
    ("unit_embed.weight", "a diffusion model of an unknown kind", "the voice is a G_*.pth"),
    ("feature_extractor.", "a content encoder", "the voice is a G_*.pth"),
    ("encoder.layers.0.self_attn.k_proj.weight", "a content encoder", "the voice is a G_*.pth"),
    ("unet.encoder.", "an f0 estimator (RMVPE)", "the voice is another file"),
    ("enc_p.emb.weight", "a voice of a text-to-speech program (VITS)", "it reads text and cannot convert a song"),
)


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _state_dict(value: Any) -> Weights | None:
    """Return `value` without the prefix `module.` of models trained in parallel; None if it is not a state dict."""
    if not isinstance(value, dict) or not value:
        return None
    if not all(isinstance(name, str) and isinstance(one, Tensor) and one.numel() for name, one in value.items()):
        return None
    return {name.removeprefix("module."): tensor for name, tensor in value.items()}
