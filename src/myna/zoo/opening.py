"""From a file of any family to a configuration and a synthesizer that fit each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.families import AnySynthesizer
from myna.onnx import runtime
from myna.retrieval.retrieval_file import RetrievalFile
from myna.zoo import derivation, packing, rvc, sovits, sovits3
from myna.zoo.recognition import TITLES, Family, NotAVoiceError, Recognised, recognise


@dataclass(frozen=True)
class OpenedVoice:
    """A voice's file and its configuration, made to agree."""

    path: Path
    recognised: Recognised
    config: Config
    remarks: list[str] = field(default_factory=list)  # what the configuration said wrongly, or did not say

    def pack(
        self,
        path: Path,
        *,
        half: bool = False,
        release: bool = False,
        timbre: RetrievalFile | None = None,
        **words: str,
    ) -> None:
        """Write the voice as one file; see `packing.pack`. `words` are licence, author and cover.

        Raises:
            CheckpointError: the voice is not whole, or the file cannot be written.
        """
        self.build()
        weights, card = self.recognised.weights, self.describe(words)
        packing.pack(path, weights, card, half=half, release=release, timbre=timbre)

    def describe(self, words: Mapping[str, str]) -> dict[str, Any]:
        """What the voice's `packing.Card` says, but for the weights; `words` that are empty are those of its file."""
        found, card = self.recognised, self.recognised.card
        known = card.model_dump(include={"licence", "cover"}) if card is not None else {}
        return {
            **known,
            "step": found.step,
            "epoch": found.epoch,
            "author": found.author or "",
            **{word: text for word, text in words.items() if text},
            "family": self.recognised.family,
            "config": self.config.plain(),
            "content_encoder": self.config.content_encoder,
        }

    def build(self) -> AnySynthesizer:
        """The synthesizer with its weights.

        Raises:
            CheckpointError: they are not those of such a model; every mismatch is listed.
        """
        try:
            return _FAMILIES[self.recognised.family].build(self.recognised.weights, self.config)
        except CheckpointError as error:
            raise CheckpointError(f"{self.path}: {error}") from error


def open_voice(path: Path, config_path: Path | None = None) -> OpenedVoice:
    """Open a file of weights.

    Args:
        path: of the weights.
        config_path: its `config.json`; None is the one beside the weights, if there is one.

    Raises:
        CheckpointError: the file is not a voice that sings here; it says what it is.
        ConfigError: the configuration that was named is not there or malformed, or one is needed and there is none.
    """
    recognised = recognise(path)  # first: what is no voice at all says more than a configuration that does not fit
    remarks = []
    given = None
    beside = path.with_name("config.json")
    if config_path is None and recognised.card is not None:
        given = Config.parse(recognised.card.config)
    elif config_path is not None or beside.exists():
        try:
            given = Config.read(config_path or beside)
        except ConfigError as error:
            if config_path is not None:
                raise
            remarks.append(f"not used: {error}")
    try:
        config, more = _FAMILIES[recognised.family].configure(recognised, given)
    except CheckpointError as error:
        raise NotAVoiceError(path, f"a voice of {TITLES[recognised.family]} ({error})") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise CheckpointError(f"{path} is not whole: its tensors do not make a voice ({error})") from error
    return OpenedVoice(path, recognised, config, [*remarks, *more])


def read_config(path: Path, config_path: Path | None = None) -> Config:
    """The configuration of a voice, which may be a graph of ONNX; see `open_voice`.

    Raises:
        CheckpointError, ConfigError: as there.
        MissingExtraError: a graph is read with ONNX Runtime, which is not installed.
    """
    if path.suffix == runtime.SUFFIX:
        return Config.parse(packing.read_exported(path).config)
    return open_voice(path, config_path).config


def _sovits_config(found: Recognised, given: Config | None) -> tuple[Config, list[str]]:
    hop_length = given.data.hop_length if given is not None else derivation.HOP_LENGTH
    derived = derivation.derive(found.weights, hop_length)
    wrong_hop = []
    if given is not None and not derivation.fits_decoder(derived, hop_length):
        derived = derivation.derive(found.weights)
        wrong_hop.append(
            f"config.json is of another voice: its frames have {hop_length} samples at {given.data.sample_rate} Hz, "
            f"the decoder's {derivation.HOP_LENGTH} at {derivation.SAMPLE_RATE}"
        )
        given = given.with_values(data=derived.usual["data"])
    config, remarks = derivation.merge(derived, given)
    remarks = [*wrong_hop, *remarks]
    if given is None:
        remarks.append(
            "there is no config.json: all was told by the weights, but the names of the speakers, "
            f"and that the content encoder is {config.content_encoder}"
        )
    return config, remarks


def _own_config(found: Recognised, given: Config | None) -> tuple[Config, list[str]]:
    if given is None:
        raise ConfigError("a voice of myna-lite needs its config.json; put it beside the weights, or name it with -c")
    return given, []


class _Handling(NamedTuple):
    """How voices of a family get their configuration and their synthesizer."""

    configure: Callable[[Recognised, Config | None], tuple[Config, list[str]]]
    build: Callable[[Mapping[str, Tensor], Config], AnySynthesizer]


_FAMILIES: Mapping[Family, _Handling] = {
    "so-vits-svc": _Handling(_sovits_config, sovits.build),
    "so-vits-svc-3.0": _Handling(lambda found, given: sovits3.config_from(found.weights, given), sovits3.build),
    "rvc": _Handling(lambda found, given: rvc.config_from(found.weights, found.content, given), rvc.build),
    "myna": _Handling(_own_config, sovits.build),
}
