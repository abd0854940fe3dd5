"""RVC, v1 and v2: the generator in its files, and the configuration that they mean.

Of a voice in training there is a file like so-vits-svc's. What is handed around is a small one: weights in half
precision without the posterior encoder, and beside them a list of the values that the synthesizer is built with, whose
places are named below. The shapes of the weights count before that list, for some that were written by tools that merge
voices do not fit.
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
from myna.zoo.derivation import Names, Shaped, encoder_keys, source_rates, spectrum_keys, upsampling_keys
from myna.zoo.names import NameTable, under
from myna.zoo.sovits import COMMON_NORMALIZED, COMMON_PLAIN, RELATIVE_TRANSFORMER

FRAMES_PER_SECOND = 100
CONTENT_ENCODERS = {256: "vec256l9", 768: "vec768l12"}  # of v1, of v2
# What RVC and its relatives call the weights of ContentVec.
_CONTENTVEC = frozenset({"contentvec", "hubert", "hubert_base", "hubert_base768"})
# Places in the list of a small file. Last stands the sample rate, in the 18 values of RVC as in the 19 of ddPn08's.
_DILATIONS, _RATES = 11, 12


class _Official(NamedTuple):
    """How a decoder that RVC has base weights for brings frames to samples, step by step."""

    kernel_sizes: list[int]
    rates: list[int]
    n_fft: int  # of the spectra that the posterior encoder hears

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


def generator_to_field(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict of an `RvcSynthesizer` as the field writes it, but for the posterior encoder."""
    return GENERATOR.to_field(weights)


def generator_from_field(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The field's state dict of a generator in our names, without the posterior encoder, which only training needs."""
    return GENERATOR.from_field({name: tensor for name, tensor in weights.items() if "enc_q." not in name})


def config_from(
    weights: Mapping[str, Shaped], content: Mapping[str, Any] | None = None, given: Config | None = None
) -> tuple[Config, list[str]]:
    """The configuration of a voice, and what a person should know about it.

    Args:
        weights: under the field's names.
        content: what the file holds beside them: `config`, `sr` and more in a small file.
        given: a `config.json`, such as RVC writes beside a voice in training. What the file tells counts before it.

    Raises:
        CheckpointError: it needs what is not here, a content encoder or a decoder.
        KeyError, ValueError, IndexError, ZeroDivisionError: a tensor that all have is missing, or strangely shaped.
    """
    content = content or {}
    _refuse_other_networks(content)
    names = Names(weights)
    listed = _listed(content)
    certain, usual = upsampling_keys(names)
    kernel_sizes = certain["upsample_kernel_sizes"]
    sections = given.plain() if given is not None else {}
    said, said_data = sections.get("model", {}), sections.get("data", {})
    remarks = []
    if said.get("upsample_kernel_sizes", kernel_sizes) != kernel_sizes:
        remarks.append("not used: config.json is of another voice, whose decoder has other kernels")
        sections, said, said_data = {}, {}, {}
    if listed:
        said = {"upsample_rates": listed[_RATES], "resblock_dilation_sizes": listed[_DILATIONS]}
    if "resblock_dilation_sizes" in said:
        usual["resblock_dilation_sizes"] = said["resblock_dilation_sizes"]
    told = (_hertz(listed[-1]) if listed else None) or _hertz(content.get("sr")) or said_data.get("sampling_rate")
    fitting = [one for one in _OFFICIAL if one.fits(names, kernel_sizes)]
    official = [one for one in fitting if told == one.sample_rate] or fitting
    rates = said.get("upsample_rates") or (official[0].rates if official else [])
    rates = list(rates)[: len(kernel_sizes)]
    if names.has(_SOURCE):
        rates = source_rates(names, math.prod(rates) if rates else (told or 0) // FRAMES_PER_SECOND)
    if not rates or 0 in rates:
        raise CheckpointError("nothing in it tells the rates of its decoder; the small file of the voice would")
    sample_rate = told or FRAMES_PER_SECOND * math.prod(rates)
    if sample_rate != FRAMES_PER_SECOND * math.prod(rates):
        sample_rate = FRAMES_PER_SECOND * math.prod(rates)
        remarks.append(f"it says that it sings at {told} Hz; by its decoder, which counts, it is {sample_rate} Hz")
    if told is None:
        others = "".join(f", or {one.sample_rate}" for one in official[1:])
        remarks.append(f"nothing tells its sample rate: by the shape of its decoder it is {sample_rate} Hz{others}")
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
        **said_data,
        "sampling_rate": sample_rate,
        "hop_length": math.prod(rates),
        "unit_interpolate_mode": "nearest",
        **spectrum_keys(names),
    }
    speakers = {name: row for name, row in sections.get("spk", {}).items() if 0 <= row < model["n_speakers"]}
    return Config.parse({**sections, "data": data, "model": model, "spk": speakers}), remarks


def build(weights: Mapping[str, Tensor], config: Config) -> SynthesizerModule:
    """The synthesizer that `config` describes, with the field's `weights`.

    Raises:
        CheckpointError: the weights are not those of such a model; every mismatch is listed.
    """
    return building.build(generator_from_field(weights), config)


def _listed(content: Mapping[str, Any]) -> list[Any]:
    """The list of a small file; empty where there is none that is whole."""
    config = content.get("config")
    values = list(config.values()) if isinstance(config, Mapping) else config
    if not isinstance(values, list) or len(values) <= _RATES or not isinstance(values[_RATES], list):
        return []
    return values if all(isinstance(rate, int) and rate > 0 for rate in values[_RATES]) else []


def _hertz(value: Any) -> int | None:
    """A sample rate as RVC writes it, 40000 or "40k"; None where it is something else."""
    text = str(value).strip().lower()
    digits = text.removesuffix("k")
    return int(digits) * (1000 if text.endswith("k") else 1) if digits.isascii() and digits.isdigit() else None


def _content_encoder(names: Names, content: Mapping[str, Any]) -> str:
    """What the voice learned with, as our configuration spells it."""
    channels = names.shape("enc_p.emb_phone")[1]
    name = content.get("embedder_model") or content.get("embedder_name") or "contentvec"
    encoder = CONTENT_ENCODERS.get(channels)
    if encoder is None or str(name).lower() not in _CONTENTVEC:
        raise CheckpointError(f"it learned with the content encoder {name} of {channels} channels, which is not here")
    layer = content.get("embedder_output_layer")
    if layer is not None and not encoder.endswith(f"l{layer}"):
        raise CheckpointError(f"it learned with layer {layer} of ContentVec in {channels} channels, which is not here")
    return encoder


def _refuse_other_networks(content: Mapping[str, Any]) -> None:
    """Applio writes down which of its three decoders a voice has, of which RVC has the first; VoRAS has other parts."""
    if str(version := content.get("version")).startswith("voras"):
        raise CheckpointError(f"it is of VoRAS, as its version {version} says, whose network is not here")
    decoder = content.get("vocoder")
    if decoder not in (None, "", "HiFi-GAN"):
        raise CheckpointError(f"its decoder is {decoder}, which is not here")
