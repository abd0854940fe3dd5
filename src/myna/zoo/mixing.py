"""Mix of two voices of the same architecture: linear interpolation between their weights."""

from __future__ import annotations

from pathlib import Path

from myna.errors import ConfigError
from myna.zoo import packing
from myna.zoo.opening import OpenedVoice

_SHOWN = 6


def mix(one: OpenedVoice, other: OpenedVoice, share: float, path: Path, *, half: bool = False) -> None:
    """Mix two voices, and write the result as a packed voice with the speakers of the first one.

    This works for voices trained from the same base weights; other mixes sound like noise.

    Args:
        one: first voice.
        other: second voice.
        share: share of `other` in the mix, 0..1.
        path: output file.
        half: whether to store float16.

    Raises:
        ConfigError: the architectures of the voices differ; the message lists the differences.
        CheckpointError: one of the voices is incomplete, or the file cannot be written.
    """
    for voice in (one, other):
        voice.build_module()
    differences = _differences(one, other)
    if differences:
        raise ConfigError(f"{one.path} and {other.path} do not fit each other: {'; '.join(differences)}")
    weights = {}
    for name, tensor in one.recognised.weights.items():
        if name not in other.recognised.weights:
            continue  # a tensor of the posterior encoder, which `other` does not have
        blended = (1 - share) * tensor.float() + share * other.recognised.weights[name].float()
        weights[name] = blended if tensor.is_floating_point() else tensor
    packing.pack(
        path,
        weights,
        {
            "family": one.recognised.family,
            "config": one.config.plain(),
            "content_encoder": one.config.content_encoder,
            "cover": f"{1 - share:.0%} {one.path.name}, {share:.0%} {other.path.name}",
        },
        half=half,
    )


def _differences(one: OpenedVoice, other: OpenedVoice) -> list[str]:
    if one.recognised.family != other.recognised.family:
        return [f"one is a voice of {one.recognised.family}, the other of {other.recognised.family}"]
    facts = {
        "the content encoder": (one.config.content_encoder, other.config.content_encoder),
        "the sample rate": (one.config.data.sample_rate, other.config.data.sample_rate),
        "the hop": (one.config.data.hop_length, other.config.data.hop_length),
    }
    found = [f"{what} is {this} and {that}" for what, (this, that) in facts.items() if this != that]
    shapes = {name: tuple(tensor.shape) for name, tensor in other.recognised.weights.items()}
    unlike = [
        f"{name} is {tuple(tensor.shape)} and {shapes[name]}"
        for name, tensor in one.recognised.weights.items()
        if name in shapes and tuple(tensor.shape) != shapes[name]
    ]
    return found + unlike[:_SHOWN]
