"""Packed voices: a complete voice in one `.safetensors` file, which cannot run code when read.

The weights have the tensor names of the voice's family. Tensors of retrieval data are named `retrieval.0` and so on,
those of a vocoder have the prefix `parts.vocoder.`.
The file's metadata contains a card as JSON under the key `myna`: the configuration with the speakers and their
pitch, the author and the licence, the training progress, and a SHA-256 of all tensors. The key `myna_sha256` contains
a SHA-256 of the card. Both hashes are checked when the voice is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Self

import safetensors
import torch
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import save_file
from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError, ConfigError, reason_of
from myna.onnx.runtime import CARD_KEY
from myna.options import usable_voice_defaults
from myna.retrieval import retrieval_file
from myna.retrieval.retrieval_file import RetrievalFile
from myna.storage.atomic import replacing
from myna.storage.checkpoint import Checkpoint, write
from myna.storage.utf8 import utf8_path
from myna.zoo.vocoders import PUBLISHED, opened_part, write_vocoder
from myna.zoo.voice_notes import VoiceNotes, write_notes

SUFFIX = ".safetensors"
_KEY, _CARD_HASH = "myna", "myna_sha256"
_PART = "parts.{}."  # prefix of the tensors of a part
_RETRIEVAL = "retrieval.{}"  # name of a speaker's vectors; numbered in the order of `CardRetrieval.speakers`
_POSTERIOR = "enc_q."  # prefix of the posterior encoder, which is used only in training
_MAX_HEADER_BYTES = 100_000_000  # limit in the safetensors format


class CardRetrieval(BaseModel):
    """Kind and speakers of the retrieval data in a packed voice."""

    model_config = ConfigDict(frozen=True)

    kind: retrieval_file.Kind
    speakers: tuple[retrieval_file.Speaker, ...]


PartName = Literal["vocoder", "refiner"]


class Part(NamedTuple):
    """A network that a packed voice contains besides the synthesizer."""

    weights: dict[str, Tensor]  # by their names in the files of its kind
    config: dict[str, Any]  # content of its configuration


class Card(BaseModel):
    """Metadata of a packed or exported voice."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    format: Literal[1, 2] = 1  # 2 for a voice with parts, which earlier versions of myna do not know
    family: str
    config: dict[str, Any]  # content of a config.json
    content_encoder: str
    sha256: str  # hash of all tensors, see `digest`
    licence: str = ""
    author: str = ""
    # A few lines of description and advice. In older files, this field has the name `about`.
    cover: str = Field("", validation_alias=AliasChoices("cover", "about"))
    step: int | None = None
    epoch: int | None = None
    defaults: dict[str, Any] = {}  # the voice's default values of `ConversionOptions`
    released: bool = False  # whether the parts used only in training are left out
    retrieval: CardRetrieval | None = Field(None, alias="timbre")
    parts: dict[PartName, dict[str, Any]] = {}  # configurations of the parts

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """Parse the card in the metadata of `path`.

        Raises:
            CheckpointError: the card is malformed, or has the format of a newer version of myna.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise CheckpointError(
                f"{path} is a voice of a newer myna, or damaged; update myna, or get the file again"
            ) from error

    @classmethod
    def of_graph(cls, path: Path, metadata: Mapping[str, str]) -> Self:
        """Parse the card in the metadata of the ONNX graph `path`.

        Raises:
            CheckpointError: the graph has no card, or a malformed one.
        """
        try:
            return cls.model_validate_json(metadata[CARD_KEY])
        except (KeyError, ValidationError) as error:
            raise CheckpointError(f"{path} contains no voice card; export the voice again with svc export") from error

    def text(self) -> str:
        """Return the card as JSON."""
        return self.model_dump_json(exclude_defaults=True, by_alias=True)


class Packed(NamedTuple):
    """Content of a `.safetensors` file."""

    weights: dict[str, Tensor]
    card: Card | None  # None if another program wrote the file
    retrieval: RetrievalFile | None
    parts: Mapping[PartName, Part] = MappingProxyType({})


def is_packed(path: Path) -> bool:
    """Return True if a file begins like a `.safetensors` file: with a header length and a JSON object."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        return False
    return start[8:] == b"{" and 2 <= int.from_bytes(start[:8], "little") <= _MAX_HEADER_BYTES


def pack(
    path: Path,
    weights: Mapping[str, Tensor],
    card: Mapping[str, Any],
    *,
    half: bool = False,
    release: bool = False,
    retrieval: RetrievalFile | None = None,
    parts: Mapping[PartName, Part] = MappingProxyType({}),
) -> None:
    """Write a packed voice.

    Args:
        path: output file; an existing file is replaced once the new one is complete.
        weights: tensors with the names of the voice's family.
        card: values of a `Card`, except `format`, `sha256`, `released`, `retrieval` and `parts`.
        half: whether to store float16; an index is always stored as float16.
        release: whether to leave out the parts used only in training.
        retrieval: k-means centroids or an index to include.
        parts: a vocoder or a refiner to include.

    Raises:
        CheckpointError: the file cannot be written.
    """
    kept = {name: one for name, one in weights.items() if not (release and name.startswith(_POSTERIOR))}
    kept = {name: _stored(tensor, half) for name, tensor in kept.items()}
    about_retrieval = None
    if retrieval is not None:
        about_retrieval = CardRetrieval(kind=retrieval.kind, speakers=tuple(retrieval.vectors))
        for number, vectors in enumerate(retrieval.vectors.values()):
            kept[_RETRIEVAL.format(number)] = _stored(vectors, half or retrieval.kind == "index")
    for part, (its_weights, _) in parts.items():
        kept |= {_PART.format(part) + name: _stored(tensor, half) for name, tensor in its_weights.items()}
    filled = Card(
        **card,
        format=2 if parts else 1,
        sha256=digest(kept),
        released=release,
        retrieval=about_retrieval,
        parts={part: config for part, (_, config) in parts.items()},
    )
    text = filled.text()
    metadata = {"format": "pt", _KEY: text, _CARD_HASH: _sha256(text)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(kept, temporary, metadata)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot write {path}: {reason_of(error)}") from error


def read_packed(path: Path) -> Packed:
    """Read a `.safetensors` file.

    Raises:
        CheckpointError: the file is damaged, or was changed after it was packed.
    """
    with _opened(path) as file:
        metadata = file.metadata() or {}
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _KEY not in metadata:
        return Packed(weights, None, None)
    card = Card.parse(metadata[_KEY], path)
    intact = {
        "card does": metadata.get(_CARD_HASH) in (_sha256(metadata[_KEY]), None),  # the oldest cards have no hash
        "weights do": card.sha256 == digest(weights),
    }
    for part_does, is_intact in intact.items():
        if not is_intact:
            raise CheckpointError(
                f"{path} was changed: the {part_does} not match the stored SHA-256; get the file again"
            )
    parts = {part: Part(_take(weights, _PART.format(part)), config) for part, config in card.parts.items()}
    if card.retrieval is None:
        return Packed(weights, card, None, parts)
    names = {speaker: _RETRIEVAL.format(number) for number, speaker in enumerate(card.retrieval.speakers)}
    vectors = {speaker: weights.pop(name, None) for speaker, name in names.items()}
    return Packed(weights, card, retrieval_file.checked(path, card.retrieval.kind, vectors), parts)


def read_card(path: Path) -> Card | None:
    """Read the card of a packed voice without reading the weights; return None if `path` is not a packed voice.

    Raises:
        CheckpointError: the file is damaged.
    """
    if not is_packed(path):
        return None
    with _opened(path) as file:
        text = (file.metadata() or {}).get(_KEY)
    return None if text is None else Card.parse(text, path)


class Unpacked(NamedTuple):
    """Files written by `unpack`."""

    weights: Path
    config: Path
    retrieval: Path | None
    card: Card
    vocoder: Path | None = None


def unpack(path: Path, folder: Path) -> Unpacked:
    """Unpack a voice into `G_<step>.pth` and `config.json`, the files of so-vits-svc and so-vits-svc-fork.

    If the step is unknown, the number of epochs is used instead. Retrieval data are written to a third file, default
    options to `voice.json`, and a vocoder to the folder `nsf_hifigan`.

    Raises:
        CheckpointError: `path` is not a packed voice or is damaged, or a file cannot be written.
        ConfigError: an output file exists already.
    """
    if not is_packed(path):
        raise CheckpointError(f"{path} is not a packed voice; svc pack makes one")
    weights, card, retrieval, parts = read_packed(path)
    if card is None:
        raise CheckpointError(f"{path} is not a packed voice: it contains only weights")
    paths = folder / f"G_{card.step or card.epoch or 1}.pth", folder / "config.json"
    others = [folder / retrieval_file.NAMES[retrieval.kind]] if retrieval is not None else []
    others += [folder / PUBLISHED] if "vocoder" in parts else []
    for there in [*paths, *others]:
        if there.exists():
            raise ConfigError(f"{there} exists already; choose another folder with -o")
    folder.mkdir(parents=True, exist_ok=True)
    single = {name: one.float() if one.is_floating_point() else one for name, one in weights.items()}
    config = Config.parse(card.config)
    rate = config.train.learning_rate
    # so-vits-svc-fork reads the optimizer's state even for conversion.
    optimizer: dict[str, Any] = {"state": {}, "param_groups": []}
    write(paths[0], Checkpoint(single, card.epoch or 0, rate, optimizer, {"step": card.step or 0}))
    config.write(paths[1])
    if card.defaults:
        write_notes(folder, VoiceNotes(defaults=usable_voice_defaults(card.defaults)))
    retrieval_path = retrieval_file.write(folder, retrieval, config.speakers) if retrieval is not None else None
    vocoder_path = None
    if "vocoder" in parts:
        vocoder = opened_part(path, *parts["vocoder"])
        vocoder_path = write_vocoder(folder, vocoder.weights, vocoder.config)
    return Unpacked(*paths, retrieval_path, card, vocoder_path)


def _take(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Remove the tensors whose names begin with `prefix` from `weights`, and return them without it."""
    return {name.removeprefix(prefix): weights.pop(name) for name in list(weights) if name.startswith(prefix)}


def digest(weights: Mapping[str, Tensor]) -> str:
    """Return a SHA-256 over the name, dtype, shape and bytes of each tensor, in the order of the names."""
    found = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        found.update(json.dumps([name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with utf8_path(path) as opened, safetensors.safe_open(opened, "pt") as file:
            yield file
    except MemoryError:
        raise
    except Exception as error:  # safetensors' exceptions have no common base class
        raise CheckpointError(f"{path} is damaged or incomplete; get the file again") from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _stored(tensor: Tensor, half: bool) -> Tensor:
    """Return a contiguous copy on the CPU; floats become float16 if `half`, else float32.

    A copy is needed because safetensors does not write tensors that share memory.
    """
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.half() if half else tensor.float()
    return tensor.clone().contiguous()
