"""Reference implementation of the VITS synthesizers of RVC and so-vits-svc 3.0, as functions of a state dict.

Deliberately slow and simple: double precision, all random numbers zero, and independent of myna. Written from public
sources: VITS (Kim, Kong and Son 2021), Shaw et al. 2018 for relative positions, HiFi-GAN (Kong, Kim and Bae 2020),
Wang, Takaki and Yamagishi 2019 for the excitation, and the definitions of so-vits-svc 3.0 and RVC for names, sizes and
slopes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]
Shapes = dict[str, list[int]]

DILATIONS = (1, 3, 5)
KERNEL_SIZES = (3, 7, 11)  # of the residual blocks
SINE_AMPLITUDE = 0.1


# Names and shapes.


def conv_shapes(name: str, out_channels: int, in_channels: int, kernel_size: int, bias: bool = True) -> Shapes:
    weight = {f"{name}.weight": [out_channels, in_channels, kernel_size]}
    return {**weight, f"{name}.bias": [out_channels]} if bias else weight


def normalized_shapes(name: str, first: int, second: int, kernel_size: int, bias_channels: int | None = None) -> Shapes:
    """Weight-normalized convolution, transposed if `bias_channels` is given: directions, and a magnitude for each."""
    return {
        f"{name}.bias": [bias_channels or first],
        f"{name}.weight_g": [first, 1, 1],
        f"{name}.weight_v": [first, second, kernel_size],
    }


def transformer_shapes(
    name: str, hidden: int, filter_channels: int, heads: int, layers: int, kernel_size: int, window: int
) -> Shapes:
    shapes: Shapes = {}
    for layer in range(layers):
        for table in ("emb_rel_k", "emb_rel_v"):
            shapes[f"{name}.attn_layers.{layer}.{table}"] = [1, 2 * window + 1, hidden // heads]
        for part in "qkvo":
            shapes |= conv_shapes(f"{name}.attn_layers.{layer}.conv_{part}", hidden, hidden, 1)
        shapes |= conv_shapes(f"{name}.ffn_layers.{layer}.conv_1", filter_channels, hidden, kernel_size)
        shapes |= conv_shapes(f"{name}.ffn_layers.{layer}.conv_2", hidden, filter_channels, kernel_size)
        for norm in (1, 2):
            shapes |= {f"{name}.norm_layers_{norm}.{layer}.{part}": [hidden] for part in ("gamma", "beta")}
    return shapes


def wavenet_shapes(name: str, hidden: int, layers: int, gin: int) -> Shapes:
    shapes = normalized_shapes(f"{name}.cond_layer", 2 * hidden * layers, gin, 1)
    for layer in range(layers):
        shapes |= normalized_shapes(f"{name}.in_layers.{layer}", 2 * hidden, hidden, 5)
        skips = 2 * hidden if layer < layers - 1 else hidden
        shapes |= normalized_shapes(f"{name}.res_skip_layers.{layer}", skips, hidden, 1)
    return shapes


def flow_shapes(latent: int, hidden: int, wavenet_layers: int, gin: int) -> Shapes:
    shapes: Shapes = {}
    for coupling in (0, 2, 4, 6):
        shapes |= conv_shapes(f"flow.flows.{coupling}.pre", hidden, latent // 2, 1)
        shapes |= wavenet_shapes(f"flow.flows.{coupling}.enc", hidden, wavenet_layers, gin)
        shapes |= conv_shapes(f"flow.flows.{coupling}.post", latent // 2, hidden, 1)
    return shapes


def posterior_shapes(spectrum: int, latent: int, hidden: int, gin: int, wavenet_layers: int = 16) -> Shapes:
    return {
        **conv_shapes("enc_q.pre", hidden, spectrum, 1),
        **wavenet_shapes("enc_q.enc", hidden, wavenet_layers, gin),
        **conv_shapes("enc_q.proj", 2 * latent, hidden, 1),
    }


def upsampling_shapes(
    initial: int, gin: int, rates: Sequence[int], kernel_sizes: Sequence[int], harmonics: int
) -> Shapes:
    """Decoder without its first and last convolution; with an excitation if `harmonics` is given."""
    shapes = conv_shapes("dec.cond", initial, gin, 1)
    if harmonics:
        shapes |= {"dec.m_source.l_linear.weight": [1, harmonics], "dec.m_source.l_linear.bias": [1]}
    for step, kernel_size in enumerate(kernel_sizes):
        channels = initial // 2 ** (step + 1)
        shapes |= normalized_shapes(f"dec.ups.{step}", 2 * channels, channels, kernel_size, channels)
        stride = math.prod(rates[step + 1 :])
        if harmonics:
            shapes |= conv_shapes(f"dec.noise_convs.{step}", channels, 1, 2 * stride if stride > 1 else 1)
        for index, block_kernel in enumerate(KERNEL_SIZES):
            for convs in ("convs1", "convs2"):
                for layer in range(len(DILATIONS)):
                    name = f"dec.resblocks.{step * len(KERNEL_SIZES) + index}.{convs}.{layer}"
                    shapes |= normalized_shapes(name, channels, channels, block_kernel)
    return shapes


def random_weights(shapes: Shapes, seed: int) -> dict[str, Tensor]:
    """Random weights scaled so that signals neither vanish nor explode."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        tensor = torch.randn(shape, generator=generator)
        if name.endswith((".gamma", ".weight_g")):
            tensor = 1 + 0.2 * tensor
        elif len(shape) == 1:
            tensor = 0.2 * tensor
        elif not name.endswith((".weight_v", "emb_g.weight")):
            tensor = tensor / math.sqrt(math.prod(shape[1:]))
        weights[name] = tensor
    return weights


def contour(frames: int) -> tuple[Tensor, Tensor]:
    """f0 in Hz with filled gaps, and voicing (1 if voiced), both (1, frames); unvoiced at the ends and inside."""
    time = torch.arange(frames)
    f0 = 220 * 2 ** (torch.sin(time * 0.3) + 0.2 * torch.sin(time * 1.7))
    voiced = ((time > 1) & (time < frames - 2) & ((time < frames // 2) | (time > frames // 2 + 3))).float()
    return f0[None], voiced[None]


# Computation; all tensors in double precision.


def conv(
    weights: Weights, name: str, x: Tensor, dilation: int = 1, stride: int = 1, padding: int | None = None
) -> Tensor:
    """Convolution with a plain or normalized weight; by default padded to keep the length."""
    weight = weight_of(weights, name)
    if padding is None:
        padding = (weight.shape[2] - 1) * dilation // 2
    return F.conv1d(x, weight, weights.get(f"{name}.bias"), stride, padding, dilation)


def weight_of(weights: Weights, name: str) -> Tensor:
    if f"{name}.weight" in weights:
        return weights[f"{name}.weight"]
    rows = weights[f"{name}.weight_v"]
    return weights[f"{name}.weight_g"] * rows / rows.pow(2).sum((1, 2), keepdim=True).sqrt()


def pitch_bins(f0: Tensor) -> Tensor:
    low, high = (1127 * math.log(1 + hz / 700) for hz in (50, 1100))
    mel = 1127 * torch.log(1 + f0 / 700)
    bins = torch.where(mel > 0, (mel - low) * 254 / (high - low) + 1, mel)
    return torch.round(bins.clamp(1, 255)).long()


def norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-5)
    return scaled * weights[f"{name}.gamma"][:, None] + weights[f"{name}.beta"][:, None]


def attention(weights: Weights, name: str, x: Tensor, heads: int) -> Tensor:
    """Attention computed head by head, with an explicit table of relative positions."""
    frames = x.shape[2]
    keys, values = weights[f"{name}.emb_rel_k"][0], weights[f"{name}.emb_rel_v"][0]
    window = len(keys) // 2
    offset = torch.arange(frames)[None] - torch.arange(frames)[:, None]
    near = (offset.abs() <= window).to(x.dtype)[:, :, None]
    index = offset.clamp(-window, window) + window
    query, key, value = (conv(weights, f"{name}.conv_{part}", x)[0].chunk(heads) for part in "qkv")
    mixed = []
    for q, k, v in zip(query, key, value, strict=True):
        q = q / math.sqrt(len(q))
        scores = q.T @ k + torch.einsum("ci,ijc->ij", q, keys[index] * near)
        shares = scores.softmax(1)
        mixed.append((shares @ v.T + torch.einsum("ij,ijc->ic", shares, values[index] * near)).T)
    return conv(weights, f"{name}.conv_o", torch.cat(mixed)[None])


def transformer(weights: Weights, name: str, x: Tensor, heads: int) -> Tensor:
    layer = 0
    while f"{name}.attn_layers.{layer}.emb_rel_k" in weights:
        x = norm(
            weights, f"{name}.norm_layers_1.{layer}", x + attention(weights, f"{name}.attn_layers.{layer}", x, heads)
        )
        fed = torch.relu(conv(weights, f"{name}.ffn_layers.{layer}.conv_1", x))
        x = norm(weights, f"{name}.norm_layers_2.{layer}", x + conv(weights, f"{name}.ffn_layers.{layer}.conv_2", fed))
        layer += 1
    return x


def wavenet(weights: Weights, name: str, x: Tensor, speaker: Tensor) -> Tensor:
    hidden = x.shape[1]
    conditions = conv(weights, f"{name}.cond_layer", speaker).split(2 * hidden, 1)
    total = torch.zeros_like(x)
    for layer, condition in enumerate(conditions):
        gates = conv(weights, f"{name}.in_layers.{layer}", x) + condition
        change = torch.tanh(gates[:, :hidden]) * torch.sigmoid(gates[:, hidden:])
        change = conv(weights, f"{name}.res_skip_layers.{layer}", change)
        if layer < len(conditions) - 1:
            x = x + change[:, :hidden]
            change = change[:, hidden:]
        total = total + change
    return total


def inverse_flow(weights: Weights, latent: Tensor, speaker: Tensor) -> Tensor:
    half = latent.shape[1] // 2
    for coupling in (6, 4, 2, 0):
        latent = latent.flip(1)
        name = f"flow.flows.{coupling}"
        hidden = wavenet(weights, f"{name}.enc", conv(weights, f"{name}.pre", latent[:, :half]), speaker)
        latent = torch.cat([latent[:, :half], latent[:, half:] - conv(weights, f"{name}.post", hidden)], 1)
    return latent


def excitation(weights: Weights, f0: Tensor, hop: int, sample_rate: int) -> Tensor:
    """f0 (1, T), 0 where unvoiced -> (1, 1, T * hop): sines that start at phase zero, without noise."""
    hz = f0.repeat_interleave(hop, 1)
    mixing = weights["dec.m_source.l_linear.weight"][0]
    sines = [
        SINE_AMPLITUDE * torch.sin(2 * math.pi * torch.cumsum(hz * number / sample_rate, 1)) * (hz > 0)
        for number in range(1, len(mixing) + 1)
    ]
    mixed = sum(weight * sine for weight, sine in zip(mixing, sines, strict=True))
    return torch.tanh(mixed + weights["dec.m_source.l_linear.bias"])[None]


def decode(
    weights: Weights, latent: Tensor, f0: Tensor, speaker: Tensor, rates: Sequence[int], sample_rate: int
) -> Tensor:
    x = conv(weights, "dec.conv_pre", latent) + conv(weights, "dec.cond", speaker)
    source = None
    if "dec.m_source.l_linear.weight" in weights:
        source = excitation(weights, f0, math.prod(rates), sample_rate)
    for step, rate in enumerate(rates):
        name = f"dec.ups.{step}"
        weight = weight_of(weights, name)
        padding = (weight.shape[2] - rate) // 2
        x = F.conv_transpose1d(F.leaky_relu(x, 0.1), weight, weights[f"{name}.bias"], rate, padding)
        if source is not None:
            stride = math.prod(rates[step + 1 :])
            x = x + conv(weights, f"dec.noise_convs.{step}", source, stride=stride, padding=stride // 2)
        blocks = range(step * len(KERNEL_SIZES), (step + 1) * len(KERNEL_SIZES))
        x = sum(residual_block(weights, f"dec.resblocks.{block}", x) for block in blocks) / len(KERNEL_SIZES)
    return torch.tanh(conv(weights, "dec.conv_post", F.leaky_relu(x, 0.01)))


def residual_block(weights: Weights, name: str, x: Tensor) -> Tensor:
    for layer, dilation in enumerate(DILATIONS):
        y = conv(weights, f"{name}.convs1.{layer}", F.leaky_relu(x, 0.1), dilation)
        x = x + conv(weights, f"{name}.convs2.{layer}", F.leaky_relu(y, 0.1))
    return x


def doubles(items: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    return {name: tensor.double() for name, tensor in items}
