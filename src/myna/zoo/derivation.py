"""Derivation of a configuration from the weights of a so-vits-svc 4 voice, completed from its `config.json`.

The names and shapes of the tensors determine the width and the number of the layers, and the optional parts. They do
not determine the sample rate, the hop, the dilations of the residual blocks, the names of the speakers, or the choice
among content encoders of equal width. These values are taken from `config.json`, or else are defaults.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from myna.config import Config
from myna.features.content import CONTENT_ENCODERS
from myna.zoo.names import NEW_SPELLING, OLD_SPELLING


class Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


Sections = dict[str, dict[str, Any]]  # sections of a config.json

# Defaults; all templates of so-vits-svc 4 have these values.
SAMPLE_RATE = 44100
HOP_LENGTH = 512
_SPECTRAL_HOP = 4  # default hop of a decoder's inverse STFT, in samples of a subband
_SUBBANDS = 4
_DILATIONS = {"1": [1, 3, 5], "2": [1, 3]}  # by type of residual block


@dataclass(frozen=True)
class Derived:
    """A configuration derived from weights."""

    certain: Sections  # values determined by the weights, which replace those of a config.json
    usual: Sections  # defaults for all other values, used without a config.json


def derive(weights: Mapping[str, Shaped], hop_length: int = HOP_LENGTH) -> Derived:
    """Derive the configuration of any variant of the so-vits-svc 4 generator from its tensors.

    Args:
        weights: tensors with so-vits-svc's names; normalised weights may have any form accepted by `NameTable`.
        hop_length: samples per frame, which the weights do not determine.

    Raises:
        KeyError, ValueError, IndexError, ZeroDivisionError: a required tensor is missing or has an unexpected shape.
    """
    names = Names(weights)
    decoder, usual_decoder = _decoder(names, hop_length)
    model = {
        **encoder_keys(names, "enc_p", "enc_p.enc_"),
        "ssl_dim": names.shape("pre")[1],
        "vol_embedding": names.has("emb_vol.weight"),
        "use_automatic_f0_prediction": names.has("f0_decoder."),
        "flow_share_parameter": names.has("flow.wn."),
        "use_depthwise_conv": names.has("flow.flows.0.enc.in_layers.0.depth_conv."),
        "use_transformer_flow": names.has("flow.flows.0.enc.self_attn_layers."),
        "synthesizer": "vits",
        **decoder,
    }
    if model["use_transformer_flow"]:
        model["n_layers_trans_flow"] = names.count(r"flow\.flows\.0\.enc\.self_attn_layers\.(\d+)\.")
    data = spectrum_keys(names)
    usual_data = {"sampling_rate": SAMPLE_RATE, "hop_length": hop_length, "unit_interpolate_mode": "nearest"}
    return Derived({"model": model, "data": data}, {"model": usual_decoder, "data": usual_data})


def merge(derived: Derived, given: Config | None) -> tuple[Config, list[str]]:
    """Return the configuration to use, and a remark for each corrected value of `given`."""
    if given is None:
        sections = {name: derived.usual[name] | derived.certain[name] for name in derived.certain}
        return _with_fitting_encoder(Config.parse(sections))
    plain, effective = given.plain(), given.model_dump(mode="json", by_alias=True)
    remarks = []
    for section, values in derived.certain.items():
        given_values = plain.get(section, {})
        for key, value in values.items():
            if effective[section][key] == value:
                continue
            wrong = f"{effective[section][key]!r}{'' if key in given_values else ' by default'} in config.json"
            remarks.append(f"{section}.{key} is {value!r} in the weights, which are used, but {wrong}")
            plain.setdefault(section, {})[key] = value
    speakers, unknown = known_speakers(given.speakers, derived.certain["model"]["n_speakers"])
    if unknown:
        plain["spk"] = speakers
    config, more = _with_fitting_encoder(Config.parse(plain))
    return config, [*remarks, *unknown, *more]


def known_speakers(speakers: Mapping[str, int], n_speakers: int) -> tuple[dict[str, int], list[str]]:
    """Return the speakers with a row in the speaker embedding, and a remark if there are speakers without one.

    Args:
        speakers: row of each speaker in the embedding, by name, from a `config.json`.
        n_speakers: number of rows of the embedding in the weights.
    """
    known = {name: row for name, row in speakers.items() if 0 <= row < n_speakers}
    others = [f"{name} (row {row})" for name, row in speakers.items() if name not in known]
    if not others:
        return known, []
    rows = "row 0" if n_speakers == 1 else f"rows 0 to {n_speakers - 1}"
    return known, [
        f"config.json names speakers that the weights do not contain, which have {rows}: {', '.join(others)}"
    ]


def fits_decoder(derived: Derived, hop_length: int) -> bool:
    """Return True if the decoder generates `hop_length` samples per frame.

    Args:
        derived: configuration from `derive` for the same `hop_length`.
        hop_length: samples per frame.
    """
    model = derived.certain["model"]
    rates = model.get("upsample_rates")
    if rates is None:  # the weights do not determine the rates
        return True
    return math.prod(rates) == hop_length and all(
        size >= rate and (size - rate) % 2 == 0
        for size, rate in zip(model["upsample_kernel_sizes"], rates, strict=True)
    )


def _with_fitting_encoder(config: Config) -> tuple[Config, list[str]]:
    """Replace a content encoder that does not have the width of the weights, if an encoder with this width is known.

    Returns the configuration, and a remark if the encoder was replaced. An unknown encoder is kept.
    """
    channels = config.model.content_channels
    usual = Config.parse({"model": {"ssl_dim": channels}}).content_encoder  # default encoder for this width
    named = CONTENT_ENCODERS.get(config.content_encoder)
    fitting = [name for name in (usual, *CONTENT_ENCODERS) if CONTENT_ENCODERS[name].channels == channels]
    if named is None or named.channels == channels or not fitting:
        return config, []
    remark = (
        f"the content encoder is assumed to be {fitting[0]}: {config.content_encoder}, which config.json selects, has "
        f"{named.channels} channels, but the weights have {channels}"
    )
    return config.with_values(model={"speech_encoder": fitting[0]}), [remark]


class Names:
    """Queries about the tensor names and shapes of a generator."""

    def __init__(self, weights: Mapping[str, Shaped]) -> None:
        self.weights = weights

    def has(self, start: str) -> bool:
        return any(name.startswith(start) for name in self.weights)

    def count(self, pattern: str) -> int:
        return len({match[1] for name in self.weights if (match := re.match(pattern, name))})

    def shape(self, module: str) -> tuple[int, ...]:
        """Return the shape of a module's weight, with or without weight normalisation."""
        for ending in ("weight", OLD_SPELLING[1], NEW_SPELLING[1]):
            tensor = self.weights.get(f"{module}.{ending}")
            if tensor is not None:
                return tuple(tensor.shape)
        raise KeyError(f"{module}.weight")


def encoder_keys(names: Names, prior: str, transformer: str) -> dict[str, Any]:
    """Return the configuration values of the speaker embedding, the flow and the prior encoder, by key.

    Args:
        names: tensors of the generator.
        prior: module name of the prior encoder in files of the voice's family.
        transformer: module name of the prior encoder's transformer.
    """
    n_speakers, speaker_channels = names.shape("emb_g")
    filter_channels, hidden, kernel_size = names.shape(f"{transformer}.ffn_layers.0.conv_1")
    return {
        "n_speakers": n_speakers,
        "gin_channels": speaker_channels,
        "inter_channels": names.shape(f"{prior}.proj")[0] // 2,
        "hidden_channels": hidden,
        "filter_channels": filter_channels,
        "kernel_size": kernel_size,
        "n_layers": names.count(rf"{re.escape(transformer)}\.attn_layers\.(\d+)\."),
        "n_heads": hidden // tuple(names.weights[f"{transformer}.attn_layers.0.emb_rel_k"].shape)[-1],
        "n_flow_layer": names.count(r"flow\.flows\.(\d+)\.pre\."),
    }


def spectrum_keys(names: Names) -> dict[str, Any]:
    """Return the FFT size of the posterior encoder's input, by key; {} if the file has no posterior encoder."""
    return {"filter_length": 2 * (names.shape("enc_q.pre")[1] - 1)} if names.has("enc_q.pre.") else {}


def upsampling_keys(names: Names) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration values of a decoder's HiFi-GAN backbone by key, except the upsampling rates.

    The first dictionary contains values determined by the weights, the second one defaults for the other values.
    """
    n_steps = names.count(r"dec\.ups\.(\d+)\.")
    n_blocks = names.count(r"dec\.resblocks\.(\d+)\.") // n_steps
    resblock, convs = ("1", "convs1") if names.has("dec.resblocks.0.convs1.") else ("2", "convs")
    certain: dict[str, Any] = {
        "upsample_initial_channel": names.shape("dec.conv_pre")[0],
        "upsample_kernel_sizes": [names.shape(f"dec.ups.{step}")[2] for step in range(n_steps)],
        "resblock": resblock,
        "resblock_kernel_sizes": [names.shape(f"dec.resblocks.{block}.{convs}.0")[2] for block in range(n_blocks)],
    }
    return certain, {"resblock_dilation_sizes": [_DILATIONS[resblock]] * n_blocks}


def source_rates(names: Names, hop_length: int) -> list[int]:
    """Return the upsampling rates of a decoder with an excitation signal.

    At each upsampling step, a strided convolution reduces the excitation to the sample rate of that step. The kernel
    sizes of these convolutions determine the rates.
    """
    # The kernel of each convolution is twice as long as its stride; only the last convolution has a stride of 1.
    n_steps = names.count(r"dec\.noise_convs\.(\d+)\.")
    strides = [names.shape(f"dec.noise_convs.{step}")[2] // 2 for step in range(n_steps - 1)] + [1]
    return [before // after for before, after in pairwise([hop_length, *strides])]


def _decoder(names: Names, hop_length: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the decoder's configuration values determined by the weights, and defaults for its other values."""
    certain, usual = upsampling_keys(names)
    kernel_sizes = certain["upsample_kernel_sizes"]
    if names.has("dec.noise_convs."):
        certain |= {
            "type_": "hifi-gan",
            "vocoder_name": "nsf-snake-hifigan" if names.has("dec.snake_post.") else "nsf-hifigan",
            "upsample_rates": source_rates(names, hop_length),
        }
        return certain, usual
    if names.has("dec.multistream_conv_post."):
        n_subbands = names.shape("dec.multistream_conv_post")[1]
        certain |= {"type_": "ms-istft", "subbands": n_subbands}
        certain["gen_istft_n_fft"] = names.shape("dec.subband_conv_post")[0] // n_subbands - 2
    elif names.has("dec.subband_conv_post."):
        n_subbands = _SUBBANDS
        certain["type_"] = "mb-istft"
        usual |= {"subbands": n_subbands}
        usual["gen_istft_n_fft"] = names.shape("dec.subband_conv_post")[0] // n_subbands - 2
    else:
        n_subbands = 1
        certain |= {"type_": "istft", "gen_istft_n_fft": names.shape("dec.conv_post")[0] - 2}
    # All upsampling steps have the same ratio of kernel size to stride.
    product = hop_length // (_SPECTRAL_HOP * n_subbands)
    ratio = round((math.prod(kernel_sizes) / product) ** (1 / len(kernel_sizes)))
    usual |= {"gen_istft_hop_size": _SPECTRAL_HOP, "upsample_rates": [size // ratio for size in kernel_sizes]}
    return certain, usual
