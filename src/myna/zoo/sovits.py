"""Names of the generator's tensors in files of so-vits-svc 4.0 and 4.1, so-vits-svc-fork 4.2 and myna.

The weights differ from the state dicts of myna's networks only in names, which the tables below map. The files also
contain filters that are not learned; myna computes these.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from myna.config import Config
from myna.models.interface import SynthesizerModule
from myna.models.layers.snake import lowpass_filter
from myna.zoo import building
from myna.zoo.names import NameTable, under

_ATTENTION = {"query": "conv_q", "key": "conv_k", "value": "conv_v", "output": "conv_o"}
_FEED_FORWARD = {"expand": "conv_1", "contract": "conv_2"}
_NORM = {"weight": "gamma", "bias": "beta"}
_SNAKE = {"alpha": "act.alpha", "beta": "act.beta"}

RELATIVE_TRANSFORMER = {
    **under("attentions.{}", "attn_layers.{}", _ATTENTION),
    "attentions.{}.relative_keys": "attn_layers.{}.emb_rel_k",
    "attentions.{}.relative_values": "attn_layers.{}.emb_rel_v",
    **under("attention_norms.{}", "norm_layers_1.{}", _NORM),
    **under("feed_forwards.{}", "ffn_layers.{}", _FEED_FORWARD),
    **under("feed_forward_norms.{}", "norm_layers_2.{}", _NORM),
}
_CAUSAL_TRANSFORMER = {
    **under("attentions.{}", "self_attn_layers.{}", _ATTENTION),
    **under("attention_norms.{}", "norm_layers_0.{}", _NORM),
    **under("feed_forwards.{}", "ffn_layers.{}", _FEED_FORWARD),
    **under("feed_forward_norms.{}", "norm_layers_1.{}", _NORM),
}
_GATED_TRANSFORMER = {"gate": "cond_pre", **_CAUSAL_TRANSFORMER}
_GATED_NORMALIZED = {"speaker_projection": "cond_layer"}  # in the gated transformer and in the WaveNet
_WAVENET = {
    **_GATED_NORMALIZED,
    "gates.{}": "in_layers.{}",
    "gates.{}.depthwise": "in_layers.{}.depth_conv",
    "gates.{}.pointwise": "in_layers.{}.point_conv",
    "residual_skips.{}": "res_skip_layers.{}",
}
# Common names of so-vits-svc 3.0, so-vits-svc 4 and RVC: modules without weight normalisation, and modules with it.
COMMON_PLAIN = {
    "speaker_embedding": "emb_g",
    "decoder.source.mix": "dec.m_source.l_linear",
    "decoder.source_convs": "dec.noise_convs",
    "decoder.speaker_projection": "dec.cond",
    "flow.steps.{}.input_conv": "flow.flows.{}.pre",
    "flow.steps.{}.projection": "flow.flows.{}.post",
}
COMMON_NORMALIZED = {
    "decoder.backbone.upsamples.{}": "dec.ups.{}",
    "decoder.backbone.residual_blocks.{}.dilated_convs.{}": "dec.resblocks.{}.convs1.{}",
    "decoder.backbone.residual_blocks.{}.plain_convs.{}": "dec.resblocks.{}.convs2.{}",
    "decoder.backbone.residual_blocks.{}.convs.{}": "dec.resblocks.{}.convs.{}",
    **under("flow.steps.{}.network", "flow.flows.{}.enc", _WAVENET),
}
_PLAIN = {
    **COMMON_PLAIN,
    "loudness_embedding": "emb_vol",
    "content_projection": "pre",
    "prior.projection": "enc_p.proj",
    "prior.pitch_embedding": "enc_p.f0_emb",
    **under("prior.transformer", "enc_p.enc_", RELATIVE_TRANSFORMER),
    **under("decoder.backbone.residual_blocks.{}.activations.{}", "dec.resblocks.{}.activations.{}", _SNAKE),
    **under("decoder.backbone.activations.{}", "dec.snakes.{}", _SNAKE),
    **under("decoder.output_activation", "dec.snake_post", _SNAKE),
    "posterior.input_conv": "enc_q.pre",
    "posterior.projection": "enc_q.proj",
    **under("flow.steps.{}.network", "flow.flows.{}.enc", _GATED_TRANSFORMER),
    **under("flow.shared_network", "flow.wn", _GATED_TRANSFORMER),
    "f0_predictor.input_conv": "f0_decoder.prenet",
    **under("f0_predictor.transformer", "f0_decoder.decoder", _CAUSAL_TRANSFORMER),
    "f0_predictor.projection": "f0_decoder.proj",
    "f0_predictor.contour_conv": "f0_decoder.f0_prenet",
    "f0_predictor.speaker_projection": "f0_decoder.cond",
    "voiced_embedding": "emb_uv",
    # The light voice and its source-filter decoder; only myna has these parts.
    "control_projection": "controls",
    "highest_hz": "highest_hz",
    "decoder.input_conv": "dec.input_conv",
    "decoder.coarse_blocks": "dec.coarse_blocks",
    "decoder.upsample": "dec.upsample",
    "decoder.fine_blocks": "dec.fine_blocks",
    "decoder.norm": "dec.norm",
    "decoder.head": "dec.head",
}
_NORMALIZED = {
    **COMMON_NORMALIZED,
    "decoder.backbone.input_conv": "dec.conv_pre",
    "decoder.output_conv": "dec.conv_post",
    "decoder.subband_conv": "dec.subband_conv_post",
    "decoder.merge_conv": "dec.multistream_conv_post",
    **under("posterior.wavenet", "enc_q.enc", _WAVENET),
    **under("flow.shared_network", "flow.wn", _WAVENET),
}
GENERATOR = NameTable(_PLAIN, _NORMALIZED)

_UPSAMPLING_FILTER = "dec.updown_filter"
# Early light voices have a learned phase for each speaker, which is no longer used.
_PULSE_PHASE = ("dec.pulse_phase.weight", "dec.pulse_phase.bias")
_LOWPASS_FILTERS = (".upsample.filter", ".downsample.lowpass.filter")


def generator_to_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of a `Vits` or `LightSynthesizer` to so-vits-svc's names, and add the fixed filters."""
    renamed = GENERATOR.to_stored(weights)
    stored: dict[str, Tensor] = {}
    for name, tensor in renamed.items():
        stored[name] = tensor
        if name.endswith(".act.beta"):
            for suffix in _LOWPASS_FILTERS:
                stored[name.removesuffix(".act.beta") + suffix] = lowpass_filter()
        if name == "dec.multistream_conv_post.weight_v":
            n_subbands = tensor.shape[1]
            stored[_UPSAMPLING_FILTER] = torch.zeros(n_subbands, n_subbands, n_subbands)
            stored[_UPSAMPLING_FILTER][:, :, 0] = torch.eye(n_subbands)
    return stored


def generator_from_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the state dict of a so-vits-svc generator to myna's names; unknown names are kept.

    Tensors that myna does not need, for example the fixed filters, are left out.
    """
    unused = (_UPSAMPLING_FILTER, *_LOWPASS_FILTERS, *_PULSE_PHASE)
    learned = {name: tensor for name, tensor in weights.items() if not name.endswith(unused)}
    return GENERATOR.from_stored(learned)


def build(weights: Mapping[str, Tensor], config: Config, *, trainable: bool = False) -> SynthesizerModule:
    """Build the synthesizer for `config`, and load `weights`, which have so-vits-svc's names, into it.

    Args:
        weights: tensors of the file.
        config: configuration of the same voice.
        trainable: whether to require the parts used only in training. If False, the posterior encoder is left out,
            because compressed files of so-vits-svc lack it.

    Raises:
        CheckpointError: the weights do not fit the configuration; the message describes the mismatch.
    """
    ours = generator_from_stored(weights)
    if not trainable:
        ours = {name: tensor for name, tensor in ours.items() if not name.startswith("posterior.")}
    return building.build(ours, config, trainable=trainable)
