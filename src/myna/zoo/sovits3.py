"""Voices of so-vits-svc 3.0: names of the generator's tensors, and derivation of the configuration from a file.

The code of so-vits-svc 3.0 hard-codes the decoder, the depth of the prior and the width of the prior's convolutions,
and ignores these values in `config.json`. Therefore only the sample rate, the STFT and the speakers are taken from
`config.json`. There was one branch for 32 kHz and one for 48 kHz; the weights of both have the same shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from myna.config import Config
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

SAMPLE_RATE = 48000  # assumed if config.json does not contain it
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


def generator_to_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of a `Sovits3Synthesizer`, which has no posterior encoder, to so-vits-svc's names."""
    return GENERATOR.to_stored(weights)


def generator_from_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of a so-vits-svc 3.0 generator to myna's names, and leave out the posterior encoder."""
    return GENERATOR.from_stored({name: tensor for name, tensor in weights.items() if "enc_q." not in name})


def config_from(weights: Mapping[str, Shaped], given: Config | None = None) -> tuple[Config, list[str]]:
    """Derive the configuration of a voice; return it together with remarks for the user.

    Args:
        weights: tensors with so-vits-svc's names.
        given: the voice's `config.json`, if there is one.

    Raises:
        KeyError, ValueError, IndexError, ZeroDivisionError: a required tensor is missing or has an unexpected shape.
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
    speakers, remarks = known_speakers(sections.get("spk", {}), model["n_speakers"])
    if "sampling_rate" not in sections.get("data", {}):
        remarks.append(
            f"its sample rate, 32000 or 48000 Hz, is neither in the weights nor in a config.json: {SAMPLE_RATE} is "
            "assumed; if it sounds too high and too fast, the other is right"
        )
    return Config.parse({**sections, "data": data, "model": model, "spk": speakers}), remarks


def build(weights: Mapping[str, Tensor], config: Config) -> SynthesizerModule:
    """Build the synthesizer for `config`, and load `weights`, which have so-vits-svc's names, into it.

    Raises:
        CheckpointError: the weights do not fit the configuration; the message describes the mismatch.
    """
    return building.build(generator_from_stored(weights), config)
