"""Evaluation of the student and the teacher on held-out recordings by linear probes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyworld
import torch
from safetensors.torch import load_file
from torch import Tensor

from myna.features.content.embedded import AHEAD_FRAMES, ContentNetwork
from recipes.content_encoder.prepare import FRAME_SAMPLES, N_SPOKEN, N_VERSIONS, SAMPLE_RATE
from recipes.content_encoder.probes import Ridge, cka, one_hot, r_squared, speaker_of_clips, speaker_of_frames
from recipes.content_encoder.teacher import FRAMES_PER_SECOND, Targets, Teacher
from recipes.content_encoder.train import phone_table, phones_at
from recipes.corpus import PROBE_SPEAKERS

T = TypeVar("T")
Describe = Callable[[Tensor], Tensor]  # samples (N,) to features (T, C), one per 20 ms, centred in it
SPOKEN = range(1, 1 + N_SPOKEN)
SUNG = range(1 + N_SPOKEN, N_VERSIONS)
N_PHONE_LINES = 80


def between(features: Tensor) -> Tensor:
    """Shift the teacher's frames by half a frame: they are centred at 20 ms * t, the student's at 20 ms * (t + 0.5)."""
    return (features + torch.cat([features[1:], features[-1:]])) / 2


class Clips:
    """Index of the prepared clips, listed by source; audio is read on demand."""

    def __init__(self, folder: Path, joe: Path) -> None:
        self.folder, self.joe, self.phones = folder, joe, phone_table(joe)
        self.index = json.loads((folder / "clips.json").read_text(encoding="utf-8"))

    def of(self, source: str, held_out: bool = True) -> list[dict[str, str]]:
        return [one for one in self.index if one["source"] == source and one["held_out"] == held_out]

    def version(self, clip: dict[str, str], k: int) -> tuple[Tensor, Tensor]:
        """Read at most 30 s of version `k`: samples (N,), and each frame's time in the original (T,), in seconds."""
        arrays = load_file(self.folder / f"{clip['name']}.safetensors")
        times = arrays[f"time.{k}"][: 30 * FRAMES_PER_SECOND]
        return arrays[f"audio.{k}"][: len(times) * FRAME_SAMPLES].float() / 32768, times

    def teacher_features(self, clip: dict[str, str]) -> Tensor:
        """Read the teacher's features of the original, (T, 512)."""
        return load_file(self.folder / f"{clip['name']}.teacher")["features"].float()

    def phones_of(self, clip: dict[str, str], times: Tensor) -> Tensor:
        return phones_at(self.joe / f"{clip['name'].removeprefix('joe-')}.json", times.numpy(), self.phones)


def log_f0(audio: Tensor, n_frames: int) -> tuple[Tensor, Tensor]:
    """Estimate the natural logarithm of f0 in Hz and the voicing, both at the middle of each frame."""
    f0, _ = pyworld.dio(audio.double().numpy(), SAMPLE_RATE, f0_floor=65, f0_ceil=1050, frame_period=10.0)
    middle = torch.from_numpy(f0[1::2][:n_frames])
    middle = torch.nn.functional.pad(middle, (0, n_frames - len(middle)))
    return middle.clamp_min(1).log(), middle > 0


def probes(describe: Describe, clips: Clips) -> dict[str, float]:
    """Fit probes that predict speaker, pitch and phone from the features; return each accuracy or R2 by name."""
    found: dict[str, float] = {}

    of_speakers = [one for one in clips.of("librispeech") if one["speaker"] in PROBE_SPEAKERS]
    labels = torch.tensor([PROBE_SPEAKERS.index(one["speaker"]) for one in of_speakers])
    features_of, pitch, voiced, test = [], [], [], []
    for clip in of_speakers:
        audio, _ = clips.version(clip, 0)
        features_of.append(describe(audio))
        ln_hz, is_voiced = log_f0(audio, len(features_of[-1]))
        pitch.append(ln_hz)
        voiced.append(is_voiced)
        test.append(torch.full_like(is_voiced, clip["name"].endswith(("8", "9"))))
    found["speaker of a recording, of 10"] = speaker_of_clips(features_of, labels)
    found["speaker of a frame, of 10"] = speaker_of_frames(features_of, labels)
    x, y, v, t = torch.cat(features_of), torch.cat(pitch)[:, None], torch.cat(voiced), torch.cat(test)
    found["ln f0 of speech, R2"] = r_squared(Ridge(x[v & ~t], y[v & ~t]), x[v & t], y[v & t])

    rows: list[tuple[Tensor, Tensor, Tensor, bool]] = []
    for number, clip in enumerate(one for one in clips.of("librispeech") if one["speaker"] not in PROBE_SPEAKERS):
        for k in SUNG:
            audio, _ = clips.version(clip, k)
            features = describe(audio)
            rows.append((features, *log_f0(audio, len(features)), number % 3 == 0))
    train = [(f[v], p[v]) for f, p, v, t in rows if not t]
    held = [(f[v], p[v]) for f, p, v, t in rows if t]
    probe = Ridge(torch.cat([f for f, _ in train]), torch.cat([p for _, p in train])[:, None])
    found["ln f0 of sung versions, R2"] = r_squared(
        probe, torch.cat([f for f, _ in held]), torch.cat([p for _, p in held])[:, None]
    )

    lines = clips.of("joe", held_out=False)[:N_PHONE_LINES]
    originals = [clips.version(one, 0) for one in lines]
    phones = torch.cat([clips.phones_of(one, times) for one, (_, times) in zip(lines, originals, strict=True)])
    phone = Ridge(
        torch.cat([describe(audio) for audio, _ in originals]), one_hot(phones, max(clips.phones.values()) + 1)
    )
    for name, versions in (("as read", [0]), ("in other voices", SPOKEN), ("sung, to 1 kHz", SUNG)):
        right = []
        for clip in clips.of("joe")[::2]:
            for k in versions:
                audio, times = clips.version(clip, k)
                labels = clips.phones_of(clip, times)
                speech = labels > 0
                right.append((phone(describe(audio)).argmax(1) == labels)[speech])
        found[f"phones of joe, {name}"] = float(torch.cat(right).double().mean())
    return found


def agreement(describe: Describe, targets: Targets, clips: Clips) -> dict[str, float]:
    """Fit a linear map to the teacher's components and return its R2, cluster accuracy and CKA.

    The map is tested on speakers that it was not fitted to.
    """
    found: dict[str, float] = {}

    def pair(clip: dict[str, str], k: int) -> tuple[Tensor, Tensor]:
        audio, times = clips.version(clip, k)
        wanted = targets.components(clips.teacher_features(clip))
        at = (times * FRAMES_PER_SECOND).clamp(0, len(wanted) - 1.001)
        low = at.long()
        part = (at - low)[:, None]
        return describe(audio), wanted[low] * (1 - part) + wanted[low + 1] * part

    def pairs(chosen: list[dict[str, str]], versions: range | list[int]) -> tuple[Tensor, Tensor]:
        both = [pair(clip, k) for clip in chosen for k in versions]
        return torch.cat([x for x, _ in both]), torch.cat([y for _, y in both])

    speakers = clips.of("librispeech")
    known, unknown = speakers[::3], speakers[1::3]
    line = Ridge(*pairs(known, [0]))
    singing = list(clips.of("singing"))
    for name, chosen, versions in (
        ("held-out LibriSpeech", unknown, [0]),
        ("LibriTTS", clips.of("libritts")[::3], [0]),
        ("LibriTTS in other voices", clips.of("libritts")[::6], SPOKEN),
        ("LibriTTS sung, to 1 kHz", clips.of("libritts")[::6], SUNG),
        ("held-out singing", singing, [0]),
    ):
        x, y = pairs(chosen, versions)
        found[f"teacher's components, {name}, R2"] = r_squared(line, x, y)
        same = targets.shares(line(x).float()).argmax(1) == targets.shares(y).argmax(1)
        found[f"teacher's cluster of 400, {name}"] = float(same.double().mean())
        found[f"CKA with the teacher, {name}"] = cka(x, y)
    return found


def student_of(name: str, checkpoint: Path) -> Describe:
    """Load the averaged weights of a training run of the encoder `name`."""
    state = torch.load(checkpoint, weights_only=True)
    network = ContentNetwork(AHEAD_FRAMES[name]).eval()
    prefix = "network."
    average = state["average"]
    network.load_state_dict(
        {name.removeprefix(prefix): one for name, one in average.items() if name.startswith(prefix)}
    )

    @torch.inference_mode()
    def describe(audio: Tensor) -> Tensor:
        return network(audio[None])[0].T

    return describe


def cached(describe: Callable[[Tensor], T]) -> Callable[[Tensor], T]:
    """Cache the features of each audio, because the probes request the same audio repeatedly."""
    known: dict[bytes, T] = {}

    def described(audio: Tensor) -> T:
        key = hashlib.blake2b(audio.numpy().tobytes()).digest()
        if key not in known:
            known[key] = describe(audio)
        return known[key]

    return described


def print_probes(name: str, folder: Path, joe: Path, weights: Path, checkpoints: list[Path]) -> None:
    """Print a table with a column for the teacher, its components, and each checkpoint."""
    clips, targets, teacher = Clips(folder, joe), Targets.load(folder / "targets.bin"), Teacher(weights)
    teacher_of = cached(lambda audio: between(teacher(audio)))
    describers: dict[str, Describe] = {"teacher": teacher_of}
    describers["its components"] = lambda audio: targets.components(teacher_of(audio))
    describers |= {path.parent.name: student_of(name, path) for path in checkpoints}
    print_table(
        {name: probes(describe, clips) | agreement(describe, targets, clips) for name, describe in describers.items()}
    )


def print_layers(folder: Path, joe: Path, weights: Path) -> None:
    """Print a table with a column for each layer of the teacher."""
    clips, teacher = Clips(folder, joe), Teacher(weights)
    names = ["input", *(str(n + 1) for n in range(len(teacher.encoder.layers))), "normed"]
    layers = cached(teacher.layers)
    print_table({name: probes(lambda audio, n=n: between(layers(audio)[n]), clips) for n, name in enumerate(names)})


def print_table(columns: dict[str, dict[str, float]]) -> None:
    print("| |", " | ".join(columns), "|")
    print("|---|", "---|" * len(columns), sep="")
    for row in next(iter(columns.values())):
        print(f"| {row} |", " | ".join(f"{column[row]:.3f}" for column in columns.values()), "|")
