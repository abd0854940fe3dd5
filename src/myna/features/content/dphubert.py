"""DPHuBERT: HuBERT base, distilled and pruned to a quarter of its size.

Peng et al., DPHuBERT, Interspeech 2023. The numbers of convolution channels, heads and feed-forward channels differ
between layers, and a layer may lack its attention or feed-forward network; the checkpoint contains these sizes.
So-vits-svc uses the last layer. It runs the encoder with dropout, so its voices were trained on slightly noisy content;
myna runs the encoder without dropout.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna import assets
from myna.errors import CheckpointError
from myna.features.content.attention import SelfAttention
from myna.features.content.hubert import Hubert, Network, fitting, renamed, with_positions
from myna.storage import torch_file

_NAMES = (
    (r"^encoder\.transformer\.", "encoder."),
    (r"^encoder\.feature_projection\.", "feature_projection."),
)


class Attention(SelfAttention):
    def __init__(self, channels: int, n_heads: int, head_channels: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        inner = n_heads * head_channels
        self.k_proj, self.v_proj, self.q_proj = (nn.Linear(channels, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, channels)


class FeedForward(nn.Sequential):
    def __init__(self, channels: int, inner: int) -> None:
        widen, narrow = nn.Linear(channels, inner), nn.Linear(inner, channels)
        super().__init__(OrderedDict(intermediate_dense=widen, gelu=nn.GELU(), output_dense=narrow))


class Layer(nn.Module):
    """Transformer layer. The norm after attention or feed-forward network exists even if that part was pruned."""

    def __init__(self, attention: Attention | None, feed_forward: FeedForward | None, channels: int) -> None:
        super().__init__()
        self.attention = attention
        self.layer_norm = nn.LayerNorm(channels)
        self.feed_forward = feed_forward
        self.final_layer_norm = nn.LayerNorm(channels)

    def forward(self, hidden: Tensor) -> Tensor:
        if self.attention is not None:
            hidden = hidden + self.attention(hidden)
        hidden = self.layer_norm(hidden)
        if self.feed_forward is not None:
            hidden = hidden + self.feed_forward(hidden)
        output: Tensor = self.final_layer_norm(hidden)
        return output


class Convolutions(nn.Module):
    def __init__(self, shapes: list[tuple[int, int, int]]) -> None:
        """Build one convolution for each of `shapes`: output channels, kernel size and stride."""
        super().__init__()
        self.conv_layers = nn.ModuleList()
        before = 1
        for channels, kernel, stride in shapes:
            parts = OrderedDict[str, nn.Module](conv=nn.Conv1d(before, channels, kernel, stride, bias=False))
            if not self.conv_layers:
                parts["layer_norm"] = nn.GroupNorm(channels, channels)
            self.conv_layers.append(nn.Sequential(parts | {"gelu": nn.GELU()}))
            before = channels
        self.dummy_weight = nn.Parameter(torch.ones(before))  # gain of each channel, left from the pruning

    def forward(self, x: Tensor) -> Tensor:
        """Map samples (B, 1, N) to frames (B, T, C)."""
        for layer in self.conv_layers:
            x = layer(x)
        return x.transpose(1, 2) * self.dummy_weight


class Encoder(nn.Module):
    def __init__(self, layers: list[Layer], channels: int, kernel: int, groups: int) -> None:
        super().__init__()
        positions = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=groups)
        self.pos_conv_embed = nn.ModuleDict({"conv": positions})
        self.layer_norm = nn.LayerNorm(channels)
        self.layers = nn.ModuleList(layers)

    def forward(self, hidden: Tensor) -> Tensor:
        positions = self.pos_conv_embed["conv"](hidden.transpose(1, 2))[..., : hidden.shape[1]]
        hidden = self.layer_norm(hidden + F.gelu(positions).transpose(1, 2))
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class PrunedHubert(Network):
    """HuBERT with pruned layers. Parameters have the names of the Python package `transformers`, where it has them."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Build the network from the checkpoint's `config`.

        Raises:
            KeyError: `config` belongs to a different network.
        """
        super().__init__()
        self.channels = channels = config["encoder_embed_dim"]
        shapes = config["extractor_conv_layer_config"]
        self.feature_extractor = Convolutions(shapes)
        self.feature_projection = nn.Sequential(
            OrderedDict(layer_norm=nn.LayerNorm(shapes[-1][0]), projection=nn.Linear(shapes[-1][0], channels))
        )
        layers = []
        for attends, n_heads, feeds, inner in zip(
            config["encoder_use_attention"],
            config["encoder_num_heads"],
            config["encoder_use_feed_forward"],
            config["encoder_ff_interm_features"],
            strict=True,
        ):
            attention = Attention(channels, n_heads, config["encoder_head_dim"]) if attends else None
            feed_forward = FeedForward(channels, inner) if feeds else None
            layers.append(Layer(attention, feed_forward, channels))
        self.encoder = Encoder(layers, channels, config["encoder_pos_conv_kernel"], config["encoder_pos_conv_groups"])

    def forward(self, audio: Tensor) -> Tensor:
        frames: Tensor = self.encoder(self.feature_projection(self.feature_extractor(audio[:, None])))
        return frames


def load_dphubert(device: str = "cpu") -> Hubert:
    """Load DPHuBERT from the weights that `assets` finds.

    Raises:
        AssetError: the weights are unavailable.
        CheckpointError: the file does not contain a DPHuBERT.
    """
    return read_dphubert(assets.find("dphubert"), device)


def read_dphubert(path: Path, device: str = "cpu") -> Hubert:
    """Read DPHuBERT from its checkpoint, which contains the configuration and the weights."""
    content = torch_file.read(path)
    if not isinstance(content, dict) or not {"config", "state_dict"} <= content.keys():
        raise CheckpointError(f"{path} is not a DPHuBERT: it has no configuration beside its weights")
    with fitting(path, "a DPHuBERT"):
        with torch.device("meta"):
            network = PrunedHubert(content["config"])
        network.load_state_dict(with_positions(renamed(content["state_dict"], _NAMES)), assign=True)
    return Hubert(network, device)
