"""Train the student to predict, from any version of a clip in any room, the teacher's output for the original."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from myna.features.content.embedded import AHEAD_FRAMES, CODE_CHANNELS, FRAME_SAMPLES, N_FFT, ContentNetwork
from recipes.content_encoder.goals import Goal, goal_of
from recipes.content_encoder.prepare import N_SPOKEN, N_SUNG, N_VERSIONS
from recipes.content_encoder.teacher import FRAMES_PER_SECOND, compute_dtype

logger = logging.getLogger(__name__)

SEGMENT_FRAMES = 250
IGNORED_FRAMES = 20  # no loss on these first frames of a segment, because their past context is missing
START_CLIPS = 30  # number of recordings to which the initial weights are fitted
LEARNING_RATE = 3e-4  # for parameters initialised from the teacher
HEAD_RATE, DISTANCES_RATE = 1e-3, 3e-3
WARM_UP = 200
DECAY_SHARE = 0.4  # share of the steps, at the end, in which the learning rate falls to 0
AVERAGE = 0.998
# Probability that a segment comes from the original, from each spoken version, and from each sung version.
SHARES = np.array([0.3] + [0.3 / N_SPOKEN] * N_SPOKEN + [0.4 / N_SUNG] * N_SUNG)
WARPS = torch.linspace(-0.16, 0.16, 17).exp()


@dataclass(frozen=True)
class Utterance:
    """Samples, times and targets of all versions of one clip."""

    audio: list[Tensor]  # int16
    times: list[Tensor]  # each frame's time in the original, in seconds
    targets: Tensor  # (T, C)
    phones: Tensor | None  # (T,), one per frame of the teacher


def phone_table(joe: Path) -> dict[str, int]:
    """Number the phones in joe's lines from 1 in order of appearance; stress marks and pauses get 0."""
    table = dict.fromkeys("_ ^$ˈˌː,.?!;:", 0)
    for path in sorted(joe.glob("*.json")):
        for phone, _ in json.loads(path.read_text(encoding="utf-8"))["phones"]:
            table.setdefault(phone, max(table.values()) + 1)
    return table


def phones_at(path: Path, seconds: np.ndarray, table: dict[str, int]) -> Tensor:
    """Look up the phones (T,) that one of joe's lines contains at the times `seconds`, as numbers from `table`."""
    phones = json.loads(path.read_text(encoding="utf-8"))["phones"]
    at = np.searchsorted([end for _, end in phones], seconds).clip(0, len(phones) - 1)
    return torch.tensor([table[phones[i][0]] for i in at])


def load_utterances(folder: Path, joe: Path, goal: Goal, held_out: bool = False) -> list[Utterance]:
    """Load the prepared clips of the training set, or the held-out ones."""
    table = phone_table(joe)
    found = []
    for clip in json.loads((folder / "clips.json").read_text(encoding="utf-8")):
        path = folder / f"{clip['name']}.safetensors"
        # In martin's clips, each with a single sung vowel, the mean represents the vowel, not the speaker.
        if clip["held_out"] != held_out or clip["source"] == "martin" or not path.exists():
            continue
        arrays = load_file(path)
        targets = goal.targets(path)
        seconds = (np.arange(len(targets)) + goal.offset) / FRAMES_PER_SECOND
        phones = None
        if clip["source"] == "joe":
            phones = phones_at(joe / f"{clip['name'].removeprefix('joe-')}.json", seconds, table)
        audio = [arrays[f"audio.{k}"] for k in range(N_VERSIONS)]
        found.append(Utterance(audio, [arrays[f"time.{k}"] for k in range(N_VERSIONS)], targets, phones))
    return found


class Segments:
    """Random segments of random versions with their targets."""

    def __init__(self, utterances: list[Utterance], goal: Goal, seed: int) -> None:
        self.utterances, self.goal = utterances, goal
        self.rng = np.random.default_rng(seed)
        lengths = np.array([len(one.targets) for one in utterances], dtype=float)
        self.chances = lengths / lengths.sum()

    def batch(self, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw samples (n, N), targets (n, T, C), phones (n, T) and a mask of valid frames (n, T).

        Unknown phones are -100.
        """
        n_samples = SEGMENT_FRAMES * FRAME_SAMPLES
        audio = torch.zeros(n, n_samples)
        targets = torch.zeros(n, SEGMENT_FRAMES, self.goal.width)
        phones = torch.full((n, SEGMENT_FRAMES), -100)
        counts = torch.zeros(n, SEGMENT_FRAMES, dtype=torch.bool)
        for row, which in enumerate(self.rng.choice(len(self.utterances), n, p=self.chances)):
            one = self.utterances[which]
            version = self.rng.choice(N_VERSIONS, p=SHARES)
            times = one.times[version]
            start = int(self.rng.integers(0, max(1, len(times) - SEGMENT_FRAMES + 1)))
            times = times[start : start + SEGMENT_FRAMES]
            samples = one.audio[version][start * FRAME_SAMPLES :][:n_samples]
            audio[row, : len(samples)] = samples.float() / 32768
            at = (times * FRAMES_PER_SECOND - self.goal.offset).clamp(0, len(one.targets) - 1.001)
            low = at.long()
            part = (at - low)[:, None]
            targets[row, : len(times)] = one.targets[low] * (1 - part) + one.targets[low + 1] * part
            if one.phones is not None:
                phones[row, : len(times)] = one.phones[at.round().long()]
            counts[row, IGNORED_FRAMES if start else 0 : len(times)] = True
        return audio, targets, phones.where(counts, -100), counts


class Room:
    """Random vocal-tract length, reverberation, microphone response and noise, applied to power spectra."""

    def __init__(self, network: ContentNetwork, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        filterbank = network.log_mel.filterbank
        bins = torch.arange(N_FFT // 2 + 1)
        # Weights on a stretched axis give the mel power of a spectrum that has at f the original's power at f / warp.
        self.filterbanks = torch.stack([stretched(filterbank, bins * warp) * warp for warp in WARPS])

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.generator)

    def __call__(self, power: Tensor) -> Tensor:
        """Compute the mel power (B, n_mels, T) of a power spectrum (B, bins, T) in a random room."""
        n = len(power)
        power = power * 10 ** (self.uniform((n, 1, 1), -26, 8) / 10)
        # Late reverberation: power that decays by 60 dB in 0.1 to 0.8 s, at 6 to 30 dB below the direct sound.
        seconds = self.uniform((n, 1), 0.1, 0.8)
        tail = 10 ** (-6 * torch.arange(40) / 100 / seconds)
        level = 10 ** (-self.uniform((n, 1), 6, 30) / 10) * (self.uniform((n, 1), 0, 1) < 0.4)
        weights = torch.cat([torch.ones(n, 1), level * tail[:, 1:] / tail[:, 1:].sum(1, keepdim=True)], dim=1)
        bank = torch.randint(len(WARPS), (n,), generator=self.generator)
        mel = self.filterbanks[bank] @ power
        mel = F.conv1d(F.pad(mel.transpose(0, 1), (39, 0)), weights.flip(1)[:, None], groups=n).transpose(0, 1)
        # The microphone's response is a smooth curve of some dB; one in six also has a telephone's low-pass filter.
        curve = F.interpolate(torch.randn(n, 1, 6, generator=self.generator) * 4, mel.shape[1], mode="linear")
        curve = curve.transpose(1, 2)
        edge = self.uniform((n, 1, 1), 45, 80) + 100 * (self.uniform((n, 1, 1), 0, 1) > 1 / 6)
        curve = curve - 4 * (torch.arange(mel.shape[1])[:, None] - edge).clamp_min(0)
        mel = mel * 10 ** (curve / 10)
        # Background noise of random colour, 5 to 45 dB below the voice.
        colour = F.interpolate(torch.randn(n, 1, 4, generator=self.generator) * 6, mel.shape[1], mode="linear")
        ratio = self.uniform((n, 1, 1), 5, 45)
        level = mel.mean((1, 2), keepdim=True) * 10 ** ((colour.transpose(1, 2) - ratio) / 10)
        return mel + level * torch.empty_like(mel).exponential_(generator=self.generator)


def stretched(filterbank: Tensor, bins: Tensor) -> Tensor:
    """Interpolate the filters at fractional bins; they are 0 past the last bin."""
    low = bins.long().clamp(max=filterbank.shape[1] - 2)
    part = bins - low
    inside = bins <= filterbank.shape[1] - 1
    return torch.where(inside, filterbank[:, low] * (1 - part) + filterbank[:, low + 1] * part, 0.0)


class Student(nn.Module):
    """The encoder, with a phone classifier that only training uses."""

    def __init__(self, name: str, n_phones: int, objectives: tuple[str, ...]) -> None:
        super().__init__()
        self.objectives = objectives
        self.network = ContentNetwork(AHEAD_FRAMES[name])
        self.phones = nn.Linear(CODE_CHANNELS, n_phones)

    def losses(
        self, mel: Tensor, shares: Tensor, components: Tensor, phones: Tensor, counts: Tensor
    ) -> dict[str, Tensor]:
        logits = self.network.logits(self.network.from_mel(mel))[counts].float()
        content = self.network.mixture(logits).float()
        found = {}
        if "clusters" in self.objectives:
            found["clusters"] = F.cross_entropy(logits, shares[counts])
        if "components" in self.objectives:
            error = content - components[counts]
            found["components"] = 4 * error.square().mean() / components[counts].square().mean()
        if "phones" in self.objectives:
            wanted = phones[counts]
            total = F.cross_entropy(self.phones(content).float(), wanted, ignore_index=-100, reduction="sum")
            found["phones"] = 0.5 * total / (wanted >= 0).sum().clamp_min(1)
        return found


def rate_factor(step: int, n_steps: int) -> float:
    """Factor of all learning rates at a step: a linear warm-up, a constant part, then a linear decay to 0.

    A run can be extended from any step of the constant part.
    """
    decay = (n_steps - step) / (DECAY_SHARE * n_steps)
    return min(1.0, (step + 1) / WARM_UP, decay)


def parameter_groups(student: Student) -> list[dict[str, object]]:
    """Group the parameters by learning rate: those initialised from the teacher, new ones, and attention distances."""
    groups: dict[float, list[Tensor]] = {LEARNING_RATE: [], HEAD_RATE: [], DISTANCES_RATE: []}
    for name, parameter in student.named_parameters():
        rate = DISTANCES_RATE if "distances" in name else LEARNING_RATE
        groups[HEAD_RATE if name.startswith(("phones", "network.sounds", "network.codes")) else rate].append(parameter)
    return [{"params": parameters, "lr": rate, "full": rate} for rate, parameters in groups.items()]


def train(
    name: str,
    folder: Path,
    joe: Path,
    teacher: Path | None,
    run: Path,
    n_steps: int,
    objectives: tuple[str, ...],
    minutes: float,
    batch_size: int = 8,
) -> None:
    """Train the encoder `name` until `n_steps`, or for `minutes` in this call; resume from `run`/last.pt.

    `run`/flat.pt is the state before the learning rate decays. To train for more steps, copy it to last.pt of another
    run.
    """
    run.mkdir(parents=True, exist_ok=True)
    goal = goal_of(name, folder, teacher)
    utterances = load_utterances(folder, joe, goal)
    torch.manual_seed(0)
    student = Student(name, max(phone_table(joe).values()) + 1, objectives)
    step, last = 0, run / "last.pt"
    if not last.exists():
        some = utterances[:: max(1, len(utterances) // START_CLIPS)]
        goal.start(student.network, lambda: [one.audio[0].float() / 32768 for one in some])
    student.network.codes.requires_grad_(not goal.fixed_codes)
    optimizer = torch.optim.AdamW(parameter_groups(student), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    average = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    if last.exists():
        state = torch.load(last, weights_only=True)
        student.load_state_dict(state["student"])
        optimizer.load_state_dict(state["optimizer"])
        average, step = state["average"], state["step"]
    reduced = compute_dtype() == torch.bfloat16
    segments, room = Segments(utterances, goal, seed=step), Room(student.network, seed=step)
    logger.info("%d clips; from step %d to %d", len(utterances), step, n_steps)
    started, first = time.monotonic(), step
    means: dict[str, float] = {}
    while step < n_steps and time.monotonic() - started < 60 * minutes:
        audio, targets, phones, counts = segments.batch(batch_size)
        with torch.no_grad():
            log_mel = student.network.log_mel
            mel = log_mel.compressed(room(log_mel.power(F.pad(audio, (log_mel.left, log_mel.right)))))
            shares, components = goal.shares_and_components(targets)
        for group in optimizer.param_groups:
            group["lr"] = group["full"] * rate_factor(step, n_steps)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=reduced):
            losses = student.losses(mel, shares, components, phones, counts)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for name, tensor in student.state_dict().items():
                average[name].lerp_(tensor, 1 - min(AVERAGE, step / (step + 10)))
        step += 1
        for name, loss in losses.items():
            value = float(loss.detach())
            means[name] = 0.98 * means.get(name, value) + 0.02 * value
        if step % 50 == 0:
            text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            logger.info("step %d  %s  %.2f s a step", step, text, (time.monotonic() - started) / (step - first))
        if step == round((1 - DECAY_SHARE) * n_steps):
            save(run / "flat.pt", student, optimizer, average, step)
        if step % 250 == 0:
            save(last, student, optimizer, average, step)
    save(last, student, optimizer, average, step)


def save(path: Path, student: Student, optimizer: torch.optim.Optimizer, average: dict[str, Tensor], step: int) -> None:
    state = {"student": student.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step}
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
