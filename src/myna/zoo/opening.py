"""Opening of voice files of any family, each with a configuration that fits its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.interface import Synthesizer, SynthesizerModule
from myna.options import Engine
from myna.retrieval.retrieval_file import RetrievalFile
from myna.zoo import derivation, packing, rvc, sovits, sovits3
from myna.zoo.recognition import TITLES, Family, NotAVoiceError, Recognised, recognise
from myna.zoo.voice_notes import default_options


@dataclass(frozen=True)
class OpenedVoice:
    """Content of a voice file and the configuration that fits it."""

    path: Path
    recognised: Recognised
    config: Config
    # Remarks on corrections of the configuration, and on assumptions for missing values.
    remarks: list[str] = field(default_factory=list)

    def pack(
        self,
        path: Path,
        *,
        half: bool = False,
        release: bool = False,
        retrieval: RetrievalFile | None = None,
        defaults: Mapping[str, Any] | None = None,
        parts: Mapping[packing.PartName, packing.Part] = MappingProxyType({}),
        **words: str,
    ) -> None:
        """Write the voice as one file; see `packing.pack`.

        The voice's own parts are kept, unless `parts` has a part with the same name.

        `defaults` are default options to store; None stores the voice's own. `words` may contain `licence`, `author`
        and `cover`; missing or empty ones are taken from the voice's own file.

        Raises:
            CheckpointError: the voice is incomplete, or the file cannot be written.
        """
        self.build_module()
        weights, card = self.recognised.weights, self.describe(words)
        if defaults is not None:
            card["defaults"] = dict(defaults)
        parts = {**self.recognised.parts, **parts}
        packing.pack(path, weights, card, half=half, release=release, retrieval=retrieval, parts=parts)

    def describe(self, words: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of a `packing.Card` for the voice, except `sha256`, `released` and `retrieval`.

        `words` may contain `licence`, `author` and `cover`; missing or empty ones are taken from the voice's own file.
        """
        found, card = self.recognised, self.recognised.card
        known = card.model_dump(include={"licence", "cover"}) if card is not None else {}
        return {
            **known,
            "step": found.step,
            "epoch": found.epoch,
            "author": found.author or "",
            **{word: text for word, text in words.items() if text},
            "defaults": self.defaults,
            "family": self.recognised.family,
            "config": self.config.plain(),
            "content_encoder": self.config.content_encoder,
        }

    @property
    def defaults(self) -> dict[str, Any]:
        """The voice's default values of `ConversionOptions`."""
        return default_options(self.path, self.recognised.card.defaults if self.recognised.card is not None else None)

    @property
    def title(self) -> str:
        """Display name of the voice's family; for an exported voice, with a remark that it is an ONNX graph."""
        card = self.recognised.card
        if self.recognised.graph is not None and card is not None:
            return f"{TITLES.get(card.family, card.family)} as an ONNX graph"
        return TITLES[self.recognised.family]

    @property
    def engine(self) -> Engine:
        """Engine that runs the voice: "onnx" for an exported voice, else "torch"."""
        return "torch" if self.recognised.graph is None else "onnx"

    def build(self, device: str = "cpu") -> Synthesizer:
        """Build the synthesizer, ready to generate on `device`; an exported voice always runs on the CPU.

        Raises:
            CheckpointError: the weights do not fit the configuration; the message describes the mismatch.
        """
        if self.recognised.graph is not None:
            return self.recognised.graph
        module = self.build_module()
        module.eval()
        module.fuse()
        return module.to(device)

    def build_module(self) -> SynthesizerModule:
        """Build the synthesizer as a PyTorch network, and load its weights.

        Raises:
            CheckpointError: the weights do not fit the configuration (the message describes the mismatch), or the voice
                is an ONNX graph.
        """
        try:
            return _FAMILIES[self.recognised.family].build(self.recognised.weights, self.config)
        except CheckpointError as error:
            raise CheckpointError(f"{self.path}: {error}") from error


def open_voice(path: Path, config_path: Path | None = None) -> OpenedVoice:
    """Open the file of a voice.

    Args:
        path: weights file, packed voice or ONNX graph.
        config_path: `config.json` of the voice. None uses the configuration in the file, or else a `config.json` beside
            the file, if there is one.

    Raises:
        CheckpointError: the file cannot be read, or is not a usable voice; the message names the kind of file.
        MissingExtraError: the file is an ONNX graph, and ONNX Runtime is not installed.
        ConfigError: the given configuration is missing or malformed, or the voice needs a configuration and has none.
    """
    # Recognise the file first: if it is not a voice, the error must state this, even if the configuration is missing
    # too.
    recognised = recognise(path)
    given, unusable = None, None
    beside = path.with_name("config.json")
    try:
        if config_path is None and recognised.card is not None:
            given = Config.parse(recognised.card.config)
        elif config_path is not None or beside.exists():
            given = Config.read(config_path or beside)
    except ConfigError as error:
        if config_path is not None:
            raise
        unusable = error
    try:
        config, remarks = _FAMILIES[recognised.family].configure(recognised, given)
    except CheckpointError as error:
        raise NotAVoiceError(path, f"a voice of {TITLES[recognised.family]} ({error})") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {unusable or error}") from error
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise CheckpointError(f"{path} is incomplete: its tensors are not those of a voice ({error})") from error
    if unusable is not None:
        remarks = [f"not used: {unusable}", *remarks]
    return OpenedVoice(path, recognised, config, remarks)


def _sovits_config(found: Recognised, given: Config | None) -> tuple[Config, list[str]]:
    hop_length = given.data.hop_length if given is not None else derivation.HOP_LENGTH
    derived = derivation.derive(found.weights, hop_length)
    wrong_hop = []
    if given is not None and not derivation.fits_decoder(derived, hop_length):
        derived = derivation.derive(found.weights)
        wrong_hop.append(
            f"config.json belongs to another voice: {hop_length} samples per frame at {given.data.sample_rate} Hz, "
            f"but the decoder generates {derivation.HOP_LENGTH} at {derivation.SAMPLE_RATE} Hz"
        )
        given = given.with_values(data=derived.usual["data"])
    config, remarks = derivation.merge(derived, given)
    remarks = [*wrong_hop, *remarks]
    if given is None:
        remarks.append(
            "without a config.json, the architecture was inferred from the weights; the speakers' names are unknown, "
            f"and the content encoder is assumed to be {config.content_encoder}"
        )
    return config, remarks


def _own_config(found: Recognised, given: Config | None) -> tuple[Config, list[str]]:
    """Return the configuration of a light voice, with the number of speakers taken from the weights."""
    if given is None:
        raise ConfigError("a light voice needs its config.json; put it beside the weights, or name it with -c")
    return _with_speakers(given, derivation.Names(found.weights).shape("emb_g")[0], "weights")


def _graph_config(found: Recognised, given: Config | None) -> tuple[Config, list[str]]:
    """Return the configuration in an exported voice, with the number of speakers taken from the graph.

    `given` is ignored.
    """
    assert found.card is not None and found.graph is not None
    config, remarks = _with_speakers(Config.parse(found.card.config), found.graph.n_speakers, "graph")
    found.graph.expect(config)
    return config, remarks


def _with_speakers(given: Config, n_speakers: int, where: str) -> tuple[Config, list[str]]:
    remarks = []
    if given.model.n_speakers != n_speakers:
        remarks.append(
            f"model.n_speakers is {n_speakers} in the {where}, which {'is' if where == 'graph' else 'are'} used, but "
            f"{given.model.n_speakers} in config.json"
        )
        given = given.with_values(model={"n_speakers": n_speakers})
    speakers, unknown = derivation.known_speakers(given.speakers, n_speakers)
    if unknown:
        given = Config.parse({**given.plain(), "spk": speakers})
    return given, [*remarks, *unknown]


def _no_weights(weights: Mapping[str, Tensor], config: Config) -> SynthesizerModule:
    raise CheckpointError("an ONNX graph has no weights to change; name the file that it was exported from")


class _Handling(NamedTuple):
    """Functions that derive the configuration and build the network of a voice of one family."""

    configure: Callable[[Recognised, Config | None], tuple[Config, list[str]]]
    build: Callable[[Mapping[str, Tensor], Config], SynthesizerModule]


_FAMILIES: Mapping[Family, _Handling] = {
    "so-vits-svc": _Handling(_sovits_config, sovits.build),
    "so-vits-svc-3.0": _Handling(lambda found, given: sovits3.config_from(found.weights, given), sovits3.build),
    "rvc": _Handling(lambda found, given: rvc.config_from(found.weights, found.content, given), rvc.build),
    "myna": _Handling(_own_config, sovits.build),
    "onnx": _Handling(_graph_config, _no_weights),
}
