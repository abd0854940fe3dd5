"""Initialise the student from narrowed copies of the teacher's first layers.

The wide part of each layer keeps the neurons with the largest effect on the frame, measured on real recordings. Whisper
encodes time by an embedding of the absolute position, which the student lacks. The embedding's mean effect on the
attention logits of each head at each distance, also measured on real recordings, becomes the initial `distances`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from myna.features.content.embedded import (
    BACK_FRAMES,
    N_HEADS,
    WIDE_CHANNELS,
    Block,
    ContentNetwork,
    Convolution,
)
from myna.features.content.whisper import Layer
from recipes.content_encoder.teacher import Teacher

COMMON_FRAMES = 500  # every frame gets the mean position embedding of this many first frames


@torch.no_grad()
def start_from_teacher(network: ContentNetwork, teacher: Teacher, clips: Sequence[Tensor]) -> None:
    """Initialise all of `network` except its head, using `clips` of samples (N,) at 16 kHz."""
    encoder = teacher.encoder.float()
    first, second = (one for one in network.stem if isinstance(one, Convolution))
    for ours, theirs in ((first, encoder.conv1), (second, encoder.conv2)):
        ours.convolution.load_state_dict(theirs.state_dict())
    second.offset.copy_(encoder.embed_positions.weight[:COMMON_FRAMES].mean(0))
    # Inputs of each layer in the teacher, and of the next layer to initialise in the student.
    in_teacher = [teacher.layers(clip) for clip in clips]
    in_student = [second.padded(first.padded(network.log_mel.padded(clip[None])))[0].T for clip in clips]
    for index, (block, layer) in enumerate(zip(network.blocks, encoder.layers, strict=False)):
        assert isinstance(block, Block) and isinstance(layer, Layer)
        attention = layer.self_attn
        for ours, theirs in (
            (block.attention_norm, layer.self_attn_layer_norm),
            (block.query, attention.q_proj),
            (block.key, attention.k_proj),
            (block.value, attention.v_proj),
            (block.output, attention.out_proj),
            (block.norm, layer.final_layer_norm),
        ):
            ours.load_state_dict(theirs.state_dict())
        inputs = [one[index] for one in in_teacher]
        block.distances.copy_(mean_logits(block, inputs) - mean_logits(block, in_student))
        _narrow(block, layer, torch.cat([layer.final_layer_norm(one) for one in inputs]))
        in_student = [block.padded(one.T[None])[0].T for one in in_student]
        for number, (one, other) in enumerate(zip(in_student, in_teacher, strict=True)):
            if number < 3:
                alike = F.cosine_similarity(one, other[index + 1][: len(one)]).mean()
                print(f"layer {index + 1}, clip {number}: cosine to the teacher {alike:.3f}")


def mean_logits(block: Block, inputs: Sequence[Tensor]) -> Tensor:
    """Mean attention logit of each head at each distance, relative to distance 0: (N_HEADS, block.size)."""
    total, count = torch.zeros(N_HEADS, block.size), 0
    for hidden in inputs:
        normed = block.attention_norm(hidden)
        query, key = (one(normed).unflatten(-1, (N_HEADS, -1)).transpose(0, 1) for one in (block.query, block.key))
        n_frames = len(hidden)
        windows = key[:, :n_frames].unfold(1, block.size, 1)  # (heads, T - size + 1, channels, size)
        middle = query[:, block.left : n_frames - block.right]
        logits = torch.einsum("htc,htcd->htd", middle, windows) / key.shape[-1] ** 0.5
        total += logits.sum(1)
        count += logits.shape[1]
    mean = total / count
    return mean - mean[:, BACK_FRAMES, None]


def _narrow(block: Block, layer: Layer, normed: Tensor) -> None:
    effect = F.gelu(layer.fc1(normed)).square().mean(0).sqrt() * layer.fc2.weight.norm(dim=0)
    kept = effect.argsort(descending=True)[:WIDE_CHANNELS].sort().values
    block.widen.weight.copy_(layer.fc1.weight[kept])
    block.widen.bias.copy_(layer.fc1.bias[kept])
    block.narrow.weight.copy_(layer.fc2.weight[:, kept])
    lost = torch.ones(len(effect), dtype=torch.bool)
    lost[kept] = False
    mean = F.gelu(layer.fc1(normed))[:, lost].mean(0)
    block.narrow.bias.copy_(layer.fc2.bias + layer.fc2.weight[:, lost] @ mean)
