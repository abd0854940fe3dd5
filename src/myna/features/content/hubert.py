"""Networks with HuBERT's architecture: convolutions, position embeddings and a transformer.

The convolutions output a frame every 20 ms.

Hsu et al., HuBERT, 2021, based on Baevski et al., wav2vec 2.0, 2020. Most of the networks are classes of the Python
package `transformers`, and the tensors in weights files are renamed to its names. The encoders differ in the layer
whose output they use, and in the steps before and after the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.errors import CheckpointError
from myna.precision import convert_ends
from myna.storage import torch_file
from myna.storage.utf8 import utf8_path

RECEPTIVE_SAMPLES = 400  # receptive field of a convolutional frame: 25 ms
HEAD_CHANNELS = 64  # the same in every size of HuBERT
PROJECTION = "final_proj."
POSITIONS = "encoder.pos_conv_embed.conv."

# Patterns that rename the tensors of fairseq and WavLM as in transformers. The names in transformers match no pattern.
FAIRSEQ_NAMES = (
    (r"(\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"(\.conv_layers\.\d+)\.2\.(1\.)?", r"\1.layer_norm."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^encoder\.pos_conv\.0\.", POSITIONS),
    (r"\.self_attn\.", ".attention."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
    (r"\.relative_attention_bias\.", ".rel_attn_embed."),
    (r"\.grep_linear\.", ".gru_rel_pos_linear."),
    (r"\.grep_a$", ".gru_rel_pos_const"),
)
UNMASKED = {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}  # masking is used only in HuBERT's own training
_OF_TRAINING = ("masked_spec_embed", "mask_emb", "label_emb")


# Classes of the additional objects in fairseq's checkpoints.
FAIRSEQ_CLASSES = frozenset({"fairseq.data.dictionary.Dictionary", "argparse.Namespace"})


class Network(nn.Module):
    """Network that maps audio (B, N) to frames (B, T, channels), where T = (N - 80) // 320."""

    channels: int


class Hubert:
    """Encoder of 16 kHz audio: `hubert(audio (N,)) -> (C, (N + 2 * margin - 80) // 320)`, at least one frame.

    Audio is padded only by the margin and, if it is too short, to the length of one frame. The voices of the
    predecessors need exactly these frames.
    """

    def __init__(self, network: Network, device: str = "cpu", *, margin: int = 0) -> None:
        """Wrap a network; `margin` samples of silence are added to the audio on each side."""
        self.network = network.to(device).eval()
        self.channels = network.channels
        self.margin = margin
        self.device = torch.device(device)

    def to_bf16(self) -> None:
        """Convert the network to bfloat16; it still takes and returns float32."""
        self.network.to(torch.bfloat16)
        convert_ends(self.network, torch.bfloat16, torch.float32)

    @torch.inference_mode()
    def __call__(self, audio: Tensor) -> Tensor:
        missing = max(RECEPTIVE_SAMPLES - 2 * self.margin - len(audio), 0)
        audio = F.pad(audio.to(self.device), (self.margin, self.margin + missing))
        frames: Tensor = self.network(audio[None])[0]
        return frames.T.contiguous()


class LastFrames(Network):
    """Network that returns the last layer's frames (B, T, C) of a transformers model, after an optional projection."""

    def __init__(self, model: Any, projection: nn.Linear | None = None) -> None:
        super().__init__()
        self.model = model
        self.projection = projection or nn.Identity()
        self.channels = projection.out_features if projection else model.config.hidden_size

    def forward(self, audio: Tensor) -> Tensor:
        frames: Tensor = self.projection(self.model(audio).last_hidden_state)
        return frames


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the weights in a safetensors or PyTorch file and convert them to single precision; names are not changed.

    Raises:
        CheckpointError: the file does not contain weights.
    """
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            with utf8_path(path) as opened:
                content: Any = load_file(opened)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is not a safetensors file: {error}") from error
    else:
        content = torch_file.read(path, FAIRSEQ_CLASSES)
    if isinstance(content, dict):
        content = content.get("model", content)  # fairseq and WavLM store a configuration as well
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} contains no named weights")
    return {key: tensor.float() for key, tensor in content.items() if isinstance(tensor, Tensor)}


def renamed(weights: dict[str, Tensor], names: Iterable[tuple[str, str]]) -> dict[str, Tensor]:
    """Rename `weights` by applying all `names` in order; each is a regular expression and its replacement."""
    result = {}
    for key, tensor in weights.items():
        for pattern, name in names:
            key = re.sub(pattern, name, key)
        result[key] = tensor
    return result


def sizes_of(weights: dict[str, Tensor]) -> dict[str, Any]:
    """Infer settings of transformers' configuration from the shapes of `weights`, which have transformers' names.

    Raises:
        KeyError: the weights do not belong to a HuBERT.
    """
    channels = len(weights["encoder.layer_norm.weight"])
    positions = weights.get(f"{POSITIONS}weight")
    if positions is None:
        positions = weights[_norm_names(weights)[1]]
    convolutions = [weights[f"feature_extractor.conv_layers.{index}.conv.weight"] for index in range(7)]
    # Large networks have a norm after every convolution, and before each part of a transformer layer instead of after
    # it.
    large = "feature_extractor.conv_layers.1.layer_norm.weight" in weights
    return {
        "conv_dim": [len(kernel) for kernel in convolutions],
        "conv_bias": "feature_extractor.conv_layers.0.conv.bias" in weights,
        "feat_extract_norm": "layer" if large else "group",
        "do_stable_layer_norm": large,
        "num_conv_pos_embeddings": positions.shape[2],
        "num_conv_pos_embedding_groups": channels // positions.shape[1],
        "hidden_size": channels,
        "intermediate_size": len(weights["encoder.layers.0.feed_forward.intermediate_dense.weight"]),
        "num_attention_heads": channels // HEAD_CHANNELS,
        "num_hidden_layers": 1 + max(int(key.split(".")[2]) for key in weights if key.startswith("encoder.layers.")),
    }


def hubert_network(weights: dict[str, Tensor], *, projected: bool = False, **settings: Any) -> LastFrames:
    """Build transformers' HuBERT with the given weights.

    Args:
        weights: tensors of the network, under transformers' names.
        projected: append the projection that the network was trained with.
        settings: configuration keys that cannot be inferred from the shapes.

    Raises:
        KeyError, RuntimeError: the weights belong to a different network.
    """
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(**sizes_of(weights) | UNMASKED | settings | {"attn_implementation": "sdpa"})
    with torch.device("meta"):
        model = HubertModel(config)
    return filled(model, weights, projected=projected)


def filled(model: Any, weights: dict[str, Tensor], *, projected: bool = False) -> LastFrames:
    """Load `weights` into a transformers model on the meta device; names must match exactly.

    Weights of layers above the model's last layer are ignored.

    Raises:
        KeyError, RuntimeError: the weights belong to a different network.
    """
    from torch.nn.utils.parametrize import remove_parametrizations

    # `with_positions` has computed the weight norm, so that it is not computed in every call.
    remove_parametrizations(model.encoder.pos_conv_embed.conv, "weight")
    kept = {}
    for key, tensor in with_positions(weights).items():
        above = key.startswith("encoder.layers.") and int(key.split(".")[2]) >= len(model.encoder.layers)
        if not above and not key.startswith((PROJECTION, *_OF_TRAINING)):
            kept[key] = tensor
    model.load_state_dict(kept, assign=True)
    if not projected:
        return LastFrames(model)
    bias = weights[f"{PROJECTION}bias"]
    projection = nn.Linear(model.config.hidden_size, len(bias), device="meta")
    projection.load_state_dict({"weight": weights[f"{PROJECTION}weight"], "bias": bias}, assign=True)
    return LastFrames(model, projection)


def with_positions(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Fold the weight norm of the positional convolution into its weight."""
    if f"{POSITIONS}weight" in weights:
        return weights
    names = _norm_names(weights)
    magnitude, direction = (weights[name] for name in names)
    # Each kernel tap has one magnitude, so the norm is over the other two axes.
    norm = torch.linalg.vector_norm(direction, dim=(0, 1), keepdim=True)
    kept = {key: tensor for key, tensor in weights.items() if key not in names}
    return kept | {f"{POSITIONS}weight": magnitude * direction / norm}


def _norm_names(weights: dict[str, Tensor]) -> tuple[str, str]:
    """Return the names of the positional convolution's magnitude and direction, under PyTorch's old or new names."""
    old, new = f"{POSITIONS}weight_", f"{POSITIONS}parametrizations.weight.original"
    return (old + "g", old + "v") if old + "g" in weights else (new + "0", new + "1")


@contextmanager
def fitting(path: Path, what: str) -> Iterator[None]:
    """Convert errors in the `with` block, where weights are loaded from `path`, to `CheckpointError`.

    Args:
        what: phrase for the expected content of the file, for example "a WavLM".

    Raises:
        CheckpointError: loading failed; the message states the first reason in one line.
    """
    try:
        yield
    except KeyError as error:
        raise CheckpointError(f"{path} is not {what}: it lacks {error}") from error
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise CheckpointError(f"{path} is not {what}: {reason[:200]}") from error
