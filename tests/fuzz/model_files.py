"""Writers of hostile model files: valid containers with wrong content, and pickles that run code or exhaust memory."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from fuzz.mutations import BYTES
from myna.zoo.opening import open_voice

DTYPES = [torch.int8, torch.int64, torch.bool, torch.complex64, torch.float64, torch.bfloat16]


class Runs:
    """Object whose pickle calls `function(*arguments)` when it is loaded without restrictions."""

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
    """Write one of ten kinds of pickles that execute code or exhaust memory or time."""
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
    """Write a dictionary with a key whose hash takes exponential time, because shared parts are hashed repeatedly."""
    key: Any = ()
    for _ in range(60):
        key = (key, key)
    # The opcodes for key, value and SETITEM are written by hand, because `pickle` would have to hash the key.
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
    """Write a damaged packed voice."""
    whole = target.with_name("whole.safetensors")
    open_voice(source).pack(whole)
    target.write_bytes(dice.choice(BYTES)(whole.read_bytes(), dice))
    whole.unlink()


STRUCTURED: list[Callable[[Path, Path, random.Random], None]] = [
    *(swapped, mistyped, misshaped, robbed, misconfigured),
    *(hostile, bomb, leading_out, nested, slow_key, repacked),
]
# Functions whose files must never be opened as a voice.
NEVER_OPENED = {"hostile", "bomb", "leading_out", "nested", "slow_key"}
