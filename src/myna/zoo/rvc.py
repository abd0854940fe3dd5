"""RVC voices, v1 and v2: names of the generator's tensors, and derivation of the configuration from a file.

A training checkpoint has the same format as so-vits-svc's. A released voice is a "small file": it contains the weights
in half precision without the posterior encoder, and a list of the synthesizer's arguments. `_DILATIONS` and `_RATES`
are positions in this list. The shapes of the weights take precedence over the list, because tools that merge voices may
write wrong lists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError
from myna.models.interface import SynthesizerModule
from myna.zoo import building
from myna.zoo.derivation import (
    Names,
    Shaped,
    encoder_keys,
    known_speakers,
    source_rates,
    spectrum_keys,
    upsampling_keys,
)
from myna.zoo.names import NameTable, under
from myna.zoo.sovits import COMMON_NORMALIZED, COMMON_PLAIN, RELATIVE_TRANSFORMER

FRAMES_PER_SECOND = 100
CONTENT_ENCODERS = {256: "vec256l9", 768: "vec768l12"}  # for v1 and v2, by number of channels
# Names for ContentVec in files of RVC and its forks.
_CONTENTVEC = frozenset({"contentvec", "hubert", "hubert_base", "hubert_base768"})
# Positions in the argument list of a small file. The last value is the sample rate, both in RVC's lists of 18 values
# and in ddPn08's lists of 19.
_DILATIONS, _RATES = 11, 12


class _Official(NamedTuple):
    """Parameters of a decoder for which RVC has base weights."""

    kernel_sizes: list[int]
    rates: list[int]
    n_fft: int  # FFT size of the posterior encoder's input

    def fits(self, names: Names, kernel_sizes: list[int]) -> bool:
        return (
            kernel_sizes == self.kernel_sizes
            and spectrum_keys(names).get("filter_length", self.n_fft) == self.n_fft
            and (not names.has(_SOURCE) or source_rates(names, math.prod(self.rates)) == self.rates)
        )

    @property
    def sample_rate(self) -> int:
        return FRAMES_PER_SECOND * math.prod(self.rates)


_SOURCE = "dec.noise_convs."
_OFFICIAL = (
    _Official([24, 20, 4, 4], [12, 10, 2, 2], n_fft=2048),  # v2, 48k
    _Official([20, 16, 4, 4], [10, 8, 2, 2], n_fft=1024),  # v2, 32k
    _Official([16, 16, 4, 4, 4], [10, 6, 2, 2, 2], n_fft=2048),  # v1, 48k
    _Official([16, 16, 4, 4], [10, 10, 2, 2], n_fft=2048),  # 40k
    _Official([16, 16, 4, 4, 4], [10, 4, 2, 2, 2], n_fft=1024),  # v1, 32k
)

GENERATOR = NameTable(
    {
        **COMMON_PLAIN,
        "prior.content_projection": "enc_p.emb_phone",
        "prior.pitch_embedding": "enc_p.emb_pitch",
        **under("prior.transformer", "enc_p.encoder", RELATIVE_TRANSFORMER),
        "prior.projection": "enc_p.proj",
        "decoder.backbone.input_conv": "dec.conv_pre",
        "decoder.output_conv": "dec.conv_post",
    },
    COMMON_NORMALIZED,
)


def generator_to_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of an `RvcSynthesizer`, which has no posterior encoder, to RVC's names."""
    return GENERATOR.to_stored(weights)


def generator_from_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of an RVC generator to myna's names.

    The posterior encoder, which is used only in training, is left out.
    """
    return GENERATOR.from_stored({name: tensor for name, tensor in weights.items() if "enc_q." not in name})


def config_from(
    weights: Mapping[str, Shaped], content: Mapping[str, Any] | None = None, given: Config | None = None
) -> tuple[Config, list[str]]:
    """Derive the configuration of a voice; return it together with remarks for the user.

    Args:
        weights: tensors with RVC's names.
        content: other values in the file; a small file contains `config`, `sr` and more.
        given: `config.json` of the voice, which RVC writes during training. Values in the weights file take precedence.

    Raises:
        CheckpointError: myna does not have the voice's content encoder or decoder, or the upsampling rates of the
            decoder are unknown.
        KeyError, ValueError, IndexError, ZeroDivisionError: a required tensor is missing or has an unexpected shape.
    """
    content = content or {}
    _refuse_other_networks(content)
    names = Names(weights)
    listed = _listed(content)
    certain, usual = upsampling_keys(names)
    kernel_sizes = certain["upsample_kernel_sizes"]
    sections = given.plain() if given is not None else {}
    model_keys, data_keys = sections.get("model", {}), sections.get("data", {})
    remarks = []
    if model_keys.get("upsample_kernel_sizes", kernel_sizes) != kernel_sizes:
        remarks.append("not used: config.json belongs to another voice, whose decoder has other kernel sizes")
        sections, model_keys, data_keys = {}, {}, {}
    if listed:
        model_keys = {"upsample_rates": listed[_RATES], "resblock_dilation_sizes": listed[_DILATIONS]}
    if "resblock_dilation_sizes" in model_keys:
        usual["resblock_dilation_sizes"] = model_keys["resblock_dilation_sizes"]
    stated = (_hertz(listed[-1]) if listed else None) or _hertz(content.get("sr")) or data_keys.get("sampling_rate")
    fitting = [one for one in _OFFICIAL if one.fits(names, kernel_sizes)]
    official = [one for one in fitting if stated == one.sample_rate] or fitting
    rates = model_keys.get("upsample_rates") or (official[0].rates if official else [])
    rates = list(rates)[: len(kernel_sizes)]
    if names.has(_SOURCE):
        rates = source_rates(names, math.prod(rates) if rates else (stated or 0) // FRAMES_PER_SECOND)
    if not rates or 0 in rates:
        raise CheckpointError(
            "the upsampling rates of its decoder are unknown; use the small file of the voice, which contains them"
        )
    sample_rate = stated or FRAMES_PER_SECOND * math.prod(rates)
    if sample_rate != FRAMES_PER_SECOND * math.prod(rates):
        sample_rate = FRAMES_PER_SECOND * math.prod(rates)
        remarks.append(
            f"the file states a sample rate of {stated} Hz; its decoder, which is used, has {sample_rate} Hz"
        )
    if stated is None:
        others = "".join(f", or {one.sample_rate}" for one in official[1:])
        remarks.append(f"its sample rate is not stated: by the shape of its decoder it is {sample_rate} Hz{others}")
    model = {
        **encoder_keys(names, "enc_p", "enc_p.encoder"),
        **certain,
        **usual,
        "upsample_rates": rates,
        "ssl_dim": names.shape("enc_p.emb_phone")[1],
        "speech_encoder": _content_encoder(names, content),
        "f0": names.has("enc_p.emb_pitch."),
        "use_automatic_f0_prediction": False,
        "synthesizer": "rvc",
    }
    data = {
        **data_keys,
        "sampling_rate": sample_rate,
        "hop_length": math.prod(rates),
        "unit_interpolate_mode": "nearest",
        **spectrum_keys(names),
    }
    speakers, unknown = known_speakers(sections.get("spk", {}), model["n_speakers"])
    return Config.parse({**sections, "data": data, "model": model, "spk": speakers}), [*remarks, *unknown]


def build(weights: Mapping[str, Tensor], config: Config) -> SynthesizerModule:
    """Build the synthesizer for `config`, and load `weights`, which have RVC's names, into it.

    Raises:
        CheckpointError: the weights do not fit the configuration; the message describes the mismatch.
    """
    return building.build(generator_from_stored(weights), config)


def _listed(content: Mapping[str, Any]) -> list[Any]:
    """Return the argument list of a small file; [] if it is missing or malformed."""
    config = content.get("config")
    values = list(config.values()) if isinstance(config, Mapping) else config
    if not isinstance(values, list) or len(values) <= _RATES or not isinstance(values[_RATES], list):
        return []
    return values if all(isinstance(rate, int) and rate > 0 for rate in values[_RATES]) else []


def _hertz(value: Any) -> int | None:
    """Parse a sample rate in RVC's forms, 40000 or "40k"; return None for any other form."""
    text = str(value).strip().lower()
    digits = text.removesuffix("k")
    return int(digits) * (1000 if text.endswith("k") else 1) if digits.isascii() and digits.isdigit() else None


def _content_encoder(names: Names, content: Mapping[str, Any]) -> str:
    """Return myna's name for the content encoder of the voice.

    Raises:
        CheckpointError: myna does not have this content encoder.
    """
    channels = names.shape("enc_p.emb_phone")[1]
    name = content.get("embedder_model") or content.get("embedder_name") or "contentvec"
    encoder = CONTENT_ENCODERS.get(channels)
    if encoder is None or str(name).lower() not in _CONTENTVEC:
        raise CheckpointError(
            f"it was trained with the content encoder {name} of {channels} channels, which is not available here"
        )
    layer = content.get("embedder_output_layer")
    if layer is not None and not encoder.endswith(f"l{layer}"):
        raise CheckpointError(
            f"it was trained with layer {layer} of ContentVec in {channels} channels, which is not available here"
        )
    return encoder


def _refuse_other_networks(content: Mapping[str, Any]) -> None:
    """Refuse voices whose network differs from RVC's: VoRAS voices, and voices with one of Applio's own decoders.

    Raises:
        CheckpointError: the file states that the voice has such a network.
    """
    if str(version := content.get("version")).startswith("voras"):
        raise CheckpointError(f"it is a voice of VoRAS (version {version}), whose network is not available here")
    decoder = content.get("vocoder")
    if decoder not in (None, "", "HiFi-GAN"):
        raise CheckpointError(f"its decoder is {decoder}, which is not available here")
