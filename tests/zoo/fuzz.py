"""Open 2,000 damaged or hostile files; test_fuzz.py runs this in separate processes.

python fuzz.py FOLDER FIRST NUMBER

Prints the outcomes as JSON. A file gives a one-line `MynaError` or a voice; anything else ends the process.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import resource
import shutil
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from myna.errors import MynaError
from myna.zoo.opening import open_voice

GOLDEN = Path(__file__).parents[1] / "golden"
VOICES = [
    GOLDEN / "fork" / "quickvc-istft" / "G_3.pth",
    GOLDEN / "4.1" / "tiny-shared-flow-depthwise" / "G_3.pth",
    GOLDEN / "rvc" / "v2-48k.pth",
    GOLDEN / "sovits3" / "voice.pth",
]
DTYPES = [torch.int8, torch.int64, torch.bool, torch.complex64, torch.float64, torch.bfloat16]


class Runs:
    """Object whose pickle calls `function(*arguments)` when loaded without restrictions."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def content_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def weights_in(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content.get("model") or content["weight"]
    return found


def truncated(source: Path, target: Path, dice: random.Random) -> None:
    data = source.read_bytes()
    target.write_bytes(data[: dice.randrange(len(data))])


def flipped(source: Path, target: Path, dice: random.Random) -> None:
    data = bytearray(source.read_bytes())
    # Names, sizes and the pickle program are at both ends; the middle has only numbers.
    edge = dice.choice([len(data), 4000])
    for _ in range(dice.choice([1, 3, 30])):
        place = dice.randrange(edge)
        data[place if dice.random() < 0.5 else -place - 1] ^= 1 << dice.randrange(8)
    target.write_bytes(data)


def swapped(source: Path, target: Path, dice: random.Random) -> None:
    content = content_of(source)
    weights = weights_in(content)
    one, other = dice.sample(list(weights), 2)
    weights[one], weights[other] = weights[other], weights[one]
    torch.save(content, target)


def mistyped(source: Path, target: Path, dice: random.Random) -> None:
    content = content_of(source)
    weights = weights_in(content)
    name = dice.choice(list(weights))
    weights[name] = weights[name].to(dice.choice(DTYPES))
    torch.save(content, target)


def misshaped(source: Path, target: Path, dice: random.Random) -> None:
    content = content_of(source)
    weights = weights_in(content)
    name = dice.choice(list(weights))
    shape = list(weights[name].shape)
    shape[dice.randrange(len(shape))] = dice.choice([0, 1, 2, 7, 10**5])
    weights[name] = torch.zeros(shape) if torch.Size(shape).numel() < 10**6 else torch.zeros(1).expand(shape)
    torch.save(content, target)


def robbed(source: Path, target: Path, dice: random.Random) -> None:
    content = content_of(source)
    weights = weights_in(content)
    for name in dice.sample(list(weights), dice.choice([1, 2, 40])):
        del weights[name]
    torch.save(content, target)


def misconfigured(source: Path, target: Path, dice: random.Random) -> None:
    content = content_of(source)
    strange = [None, -1, 0, 10**12, 0.5, "x" * 1000, [], [[]], {}, float("nan"), [1, "2", None], {"sampling_rate": {}}]
    for key in dice.sample([*content, "config", "sr", "f0", "iteration", "myna"], 3):
        if key not in ("model", "weight"):
            content[key] = dice.choice(strange)
    if isinstance(content.get("config"), list) and content["config"]:
        content["config"][dice.randrange(len(content["config"]))] = dice.choice(strange)
    torch.save(content, target)


def hostile(source: Path, target: Path, dice: random.Random) -> None:
    """Ten kinds of pickles that execute code or exhaust memory or time."""
    proof = str(target.parent / "proof")
    kinds: list[Any] = [
        Runs(os.system, f"touch {proof}"),
        Runs(eval, f"open({proof!r}, 'w')"),
        Runs(exec, f"open({proof!r}, 'w')"),
        Runs(os.mkdir, proof),
        Runs(Path(proof).touch),
        Runs(getattr, Path(proof), "touch"),
        Runs(shutil.rmtree, str(target.parent / "nothing")),
        Runs(torch.load, proof),
        Runs(__import__, "antigravity"),
        Runs(bytearray, 10**11),
    ]
    one = dice.choice(kinds)
    content = content_of(source)
    weights_in(content)[dice.choice(list(weights_in(content)))] = one
    wrapped = dice.choice([one, {"model": one}, {"model": {"pre.weight": one}}, content, [one] * 3])
    if dice.random() < 0.3:
        target.write_bytes(pickle.dumps(one, protocol=dice.choice([2, 4])))
    else:
        torch.save(wrapped, target, _use_new_zipfile_serialization=dice.random() < 0.7)


def bomb(source: Path, target: Path, dice: random.Random) -> None:
    shutil.copy(source, target)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"archive/data/{dice.randrange(10**6)}", bytes(dice.choice([10**6, 3 * 10**7])))


def leading_out(source: Path, target: Path, dice: random.Random) -> None:
    shutil.copy(source, target)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(dice.choice(["/", "../", "a/../../", "\\", "c:/"]) + "proof", "x")


def nested(source: Path, target: Path, dice: random.Random) -> None:
    box: Any = dice.choice([[], {}, ()])
    for _ in range(dice.choice([10, 100, 200])):
        box = dice.choice([[box], {"a": box}, (box, box)])
    torch.save(dice.choice([box, {"model": box}, {"model": {"pre.weight": box}}]), target)


def slow_key(source: Path, target: Path, dice: random.Random) -> None:
    """Key whose hash takes exponential time, since shared parts are hashed repeatedly."""
    key: Any = ()
    for _ in range(60):
        key = (key, key)
    # Written by hand, since `pickle` would have to hash the key: key, value, SETITEM.
    steps = pickle.dumps(key, protocol=2)[:-1] + b"K\x01s."
    data = b"\x80\x02}" + steps[2:]
    if dice.random() < 0.5:
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/version", b"3\n")
            archive.writestr("archive/byteorder", b"little")
    else:
        target.write_bytes(data)


def repacked(source: Path, target: Path, dice: random.Random) -> None:
    """Damaged packed voice."""
    whole = target.with_name("whole.safetensors")
    open_voice(source).pack(whole)
    dice.choice([truncated, flipped])(whole, target, dice)
    whole.unlink()


MUTATIONS: list[Callable[[Path, Path, random.Random], None]] = [
    *(truncated, flipped, swapped, mistyped, misshaped, robbed),
    *(misconfigured, hostile, bomb, leading_out, nested, slow_key, repacked),
]


def main(folder: Path, first: int, number: int) -> None:
    torch.set_num_threads(1)
    for voice in VOICES:
        open_voice(voice).build()  # allocates what loading needs once, before memory is measured
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes, slowest, largest = Counter[str](), 0.0, 0
    for index in range(first, first + number):
        dice = random.Random(index)
        mutation, source = MUTATIONS[index % len(MUTATIONS)], VOICES[index // len(MUTATIONS) % len(VOICES)]
        target = folder / "G_1.pth"
        mutation(source, target, dice)
        largest = max(largest, target.stat().st_size)
        started = time.monotonic()
        try:
            open_voice(target).build()
            outcome = "loaded"
        except MynaError as error:
            message = str(error)
            assert "\n" not in message and str(target) in message, (index, message)
            outcome = "refused"
        slowest = max(slowest, time.monotonic() - started)
        outcomes[f"{mutation.__name__} {outcome}"] += 1
        target.unlink()
        assert not any(folder.iterdir()), (index, list(folder.iterdir()))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"outcomes": outcomes, "slowest": slowest, "grown": grown, "largest": largest}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
