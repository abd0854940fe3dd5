"""Training targets of the student: features of Whisper base minus the speaker's mean, and their clusters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from myna.features.content.embedded import CODE_CHANNELS, N_SOUNDS
from myna.features.content.whisper import MAX_FRAMES, WhisperEncoder, log_mel, read_encoder
from myna.precision import computes_in_bf16

SAMPLE_RATE = 16000
FRAMES_PER_SECOND = 50  # frame t of the teacher is centred at 20 ms * t
TAIL_FRAMES = 50
N_COMPONENTS = CODE_CHANNELS
N_CLUSTERS = N_SOUNDS
# For a clip of n frames, n / (n + this) of its mean is subtracted: a longer clip's mean represents the speaker better.
FRAMES_OF_TRUST = 100


def compute_dtype() -> torch.dtype:
    """Return bfloat16 on processors with instructions for it, where it halves the time; otherwise float32."""
    return torch.bfloat16 if computes_in_bf16() else torch.float32


class Teacher:
    """Whisper base, sped up ten times by bfloat16 and by padding a clip with one second of silence instead of to 30 s.

    The cosine similarity of its features to those of the full 30 s window is 0.975.
    """

    def __init__(self, path: Path) -> None:
        self.encoder: WhisperEncoder = read_encoder(path).to(compute_dtype()).eval()

    @torch.inference_mode()
    def layers(self, audio: Tensor) -> list[Tensor]:
        """Compute the first layer's input, each layer's output, and the last output after the layer norm, all (T, 512).

        Args:
            audio: (N,) at 16 kHz, at most 30 s.
        """
        encoder = self.encoder
        n_frames = len(audio) // 320
        n_input = min(n_frames + TAIL_FRAMES, MAX_FRAMES)
        mel = log_mel(F.pad(audio, (0, n_input * 320 - len(audio))), 80)[None].to(encoder.conv1.weight.dtype)
        hidden = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel)))).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[:n_input]
        found = [hidden]
        for layer in encoder.layers:
            found.append(layer(found[-1]))
        found.append(encoder.layer_norm(found[-1]))
        return [one[0, :n_frames].float() for one in found]

    def __call__(self, audio: Tensor) -> Tensor:
        return self.layers(audio)[-1]


@dataclass(frozen=True)
class Targets:
    """The N_COMPONENTS principal axes of the teacher's features, and the cluster centroids along these axes."""

    mean: Tensor  # (512,)
    axes: Tensor  # (512, N_COMPONENTS); the first component has variance 1, later ones less
    middles: Tensor  # (N_CLUSTERS, N_COMPONENTS)
    softness: Tensor  # () squared distance over which a cluster's share falls by a factor of e

    def components(self, features: Tensor, centre: bool = True) -> Tensor:
        """Project a clip's features (T, 512) onto the axes, giving (T, N_COMPONENTS).

        `centre` first subtracts the speaker's mean, as estimated from the clip.
        """
        offset = features.mean(0) - self.mean
        trust = len(features) / (len(features) + FRAMES_OF_TRUST) if centre else 0.0
        return (features - self.mean - trust * offset) @ self.axes

    def shares(self, components: Tensor) -> Tensor:
        """Compute soft cluster assignments (..., N_CLUSTERS), which sum to 1, from components (..., N_COMPONENTS)."""
        return (-torch.cdist(components, self.middles).square() / self.softness).softmax(-1)

    @classmethod
    def load(cls, path: Path) -> Targets:
        return cls(**load_file(path))

    def save(self, path: Path) -> None:
        save_file({name: tensor.contiguous() for name, tensor in vars(self).items()}, path)


def write_teacher_features(folder: Path, weights: Path) -> None:
    """Write the teacher's features of the original of every clip to `<clip>.teacher`; existing files are kept."""
    teacher = Teacher(weights)
    for clip in json.loads((folder / "clips.json").read_text(encoding="utf-8")):
        source, path = folder / f"{clip['name']}.safetensors", folder / f"{clip['name']}.teacher"
        if source.exists() and not path.exists():
            audio = load_file(source)["audio.0"].float() / 32768
            save_file({"features": teacher(audio).half()}, path)


def fit(folder: Path, path: Path) -> None:
    """Fit the axes and the clusters to the clips that are not held out; they need at least N_CLUSTERS frames."""
    clips = json.loads((folder / "clips.json").read_text(encoding="utf-8"))
    features = [
        load_file(folder / f"{one['name']}.teacher")["features"].float() for one in clips if not one["held_out"]
    ]
    mean = torch.cat(features).mean(0)
    plain = Targets(mean, torch.eye(512), torch.zeros(1, 512), torch.ones(()))
    centred = torch.cat([plain.components(one) for one in features])
    values, vectors = torch.linalg.eigh(torch.cov(centred.T).double())
    values, vectors = values.flip(0)[:N_COMPONENTS].float(), vectors.flip(1)[:, :N_COMPONENTS].float()
    # A compromise: on plain axes, the first few dominate; on whitened axes, the last ones, mostly noise, weigh as much.
    axes = vectors / values[0].sqrt() * (values[0] / values) ** 0.25
    components = centred @ axes
    middles = k_means(components, N_CLUSTERS)
    distances = torch.cdist(components[::7], middles).square().sort(dim=1).values
    softness = (distances[:, 4] - distances[:, 0]).median() / 4
    Targets(mean, axes, middles, softness).save(path)


def k_means(rows: Tensor, n: int, rounds: int = 25) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    middles = rows[torch.randperm(len(rows), generator=generator)[:n]].clone()
    for _ in range(rounds):
        nearest = torch.cat([torch.cdist(part, middles).argmin(1) for part in rows.split(20000)])
        counts = torch.bincount(nearest, minlength=n)
        sums = torch.zeros_like(middles).index_add_(0, nearest, rows)
        middles = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp_min(1), middles)
    return middles
