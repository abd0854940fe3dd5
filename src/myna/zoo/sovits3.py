"""so-vits-svc 3.0: the generator in its files, and the configuration that they mean.

Its code fixed the decoder, the depth of the prior and the width of its convolutions, whatever `config.json` says of
them; so only the sample rate, the spectra and the speakers are taken from there. It had a branch of 32 kHz and one of
48 kHz, whose weights look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from myna.config import Config
from myna.models.interface import SynthesizerModule
from myna.zoo import building
from myna.zoo.derivation import Names, Shaped, encoder_keys, source_rates, spectrum_keys, upsampling_keys
from myna.zoo.names import NameTable, under
from myna.zoo.sovits import COMMON_NORMALIZED, COMMON_PLAIN, RELATIVE_TRANSFORMER

SAMPLE_RATE = 48000  # where nothing tells it
HOP_LENGTH = 320

GENERATOR = NameTable(
    {
        **COMMON_PLAIN,
        "content_projection": "enc_p_.pre",
        "prior.projection": "enc_p_.proj",
        "prior.pitch_embedding": "enc_p_.f0_emb",
        **under("prior.transformer", "enc_p_.enc_", RELATIVE_TRANSFORMER),
    },
    {
        **COMMON_NORMALIZED,
        "decoder.backbone.input_conv": "dec.conv_pre",
        "decoder.output_conv": "dec.conv_post",
    },
)


def generator_to_field(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict of a `Sovits3Synthesizer` as the field writes it, but for the posterior encoder."""
    return GENERATOR.to_field(weights)


def generator_from_field(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The field's state dict of a generator in our names, without the posterior encoder, which only training needs."""
    return GENERATOR.from_field({name: tensor for name, tensor in weights.items() if "enc_q." not in name})


def config_from(weights: Mapping[str, Shaped], given: Config | None = None) -> tuple[Config, list[str]]:
    """The configuration of a voice, and what a person should know about it.

    Args:
        weights: under the field's names.
        given: the voice's `config.json`, if there is one.

    Raises:
        KeyError, ValueError, IndexError, ZeroDivisionError: a tensor that all have is missing, or strangely shaped.
    """
    names = Names(weights)
    certain, usual = upsampling_keys(names)
    sections = given.plain() if given is not None else {}
    data: dict[str, Any] = {"sampling_rate": SAMPLE_RATE, **sections.get("data", {}), **spectrum_keys(names)}
    data |= {"hop_length": HOP_LENGTH, "unit_interpolate_mode": "nearest"}
    model = {
        **encoder_keys(names, "enc_p_", "enc_p_.enc_"),
        **certain,
        **usual,
        "upsample_rates": source_rates(names, HOP_LENGTH),
        "ssl_dim": names.shape("enc_p_.pre")[1],
        "speech_encoder": "hubertsoft",
        "use_automatic_f0_prediction": False,
        "synthesizer": "sovits3",
    }
    n_speakers = model["n_speakers"]
    speakers = {name: row for name, row in sections.get("spk", {}).items() if 0 <= row < n_speakers}
    remarks = []
    if "sampling_rate" not in sections.get("data", {}):
        remarks.append(
            f"its weights do not tell whether it sings at 32000 or 48000 Hz, and no config.json does: {SAMPLE_RATE} is "
            "assumed; where it sings too high and too fast, the other is right"
        )
    return Config.parse({**sections, "data": data, "model": model, "spk": speakers}), remarks


def build(weights: Mapping[str, Tensor], config: Config) -> SynthesizerModule:
    """The synthesizer that `config` describes, with the field's `weights`.

    Raises:
        CheckpointError: the weights are not those of such a model; every mismatch is listed.
    """
    return building.build(generator_from_field(weights), config)
