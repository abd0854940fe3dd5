"""Functions that damage the bytes of a file, or values in JSON."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable
from typing import Any

Dice = random.Random
Mutation = Callable[[bytes, Dice], bytes]

NUMBERS = [0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1]
VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 0.5, 1e308, -1e308, 10**12, 10**400, float("nan"), float("inf")),
    *("", "x" * 1000, "\x1b]0;title\x07\x1b[2J", "\u202egnp.exe", "../../etc/passwd", "a\nb", "\udcff"),
    *([], [[]], {}, [1, "2", None], {"": 0}, [0] * 1000),
]


def truncated(data: bytes, dice: Dice) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def flipped(data: bytes, dice: Dice) -> bytes:
    """Flip bits, mostly near the start and the end, which contain names, sizes and programs, not only numbers."""
    changed = bytearray(data)
    edge = min(len(data), dice.choice([len(data), 4000, 200]))
    for _ in range(dice.choice([1, 3, 30])):
        place = dice.randrange(edge)
        changed[place if dice.random() < 0.7 else -place - 1] ^= 1 << dice.randrange(8)
    return bytes(changed)


def renumbered(data: bytes, dice: Dice) -> bytes:
    """Overwrite bytes, mostly near the beginning, with extreme numbers, as if they were a size or a count."""
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 3])):
        code = dice.choice(["<H", ">H", "<I", ">I", "<Q", ">Q"])
        size = struct.calcsize(code)
        value = struct.pack(code, dice.choice(NUMBERS) & (2 ** (8 * size) - 1))
        place = dice.randrange(max(1, min(len(data), dice.choice([64, 400, len(data)])) - size))
        changed[place : place + size] = value
    return bytes(changed)


def spliced(data: bytes, dice: Dice) -> bytes:
    """Remove, repeat or move a stretch of bytes."""
    start, end = sorted(dice.randrange(len(data) + 1) for _ in range(2))
    piece = data[start : min(end, start + dice.choice([1, 4, 64, 10**6]))]
    rest = data[:start] + data[start + len(piece) :]
    place = dice.randrange(len(rest) + 1)
    return dice.choice(
        [rest, data[:start] + piece * dice.choice([2, 50]) + data[start:], rest[:place] + piece + rest[place:]]
    )


def replaced(data: bytes, dice: Dice) -> bytes:
    """Return a file of another kind: random bytes, text, a web page or zeros."""
    return dice.choice(
        [dice.randbytes(dice.choice([0, 1, 100, 10**4])), b"hello\n", b"<!doctype html><html>404", bytes(5000)]
    )


def revalued(plain: Any, dice: Dice) -> Any:
    """Return a copy of a JSON value in which some values, keys or types are strange."""
    changed = json.loads(json.dumps(plain))
    for _ in range(dice.choice([1, 1, 2, 5])):
        boxes = list(_boxes(changed))
        box = dice.choice(boxes)
        keys: list[Any] = list(box) if isinstance(box, dict) else list(range(len(box)))
        if not keys:
            continue
        key, value = dice.choice(keys), copy.deepcopy(dice.choice(VALUES))
        kind = dice.random()
        if kind < 0.6:
            box[key] = value
        elif kind < 0.75:
            del box[key]
        elif isinstance(box, dict):
            box[str(dice.choice(VALUES))] = box[key]
        else:
            box.append(value)
    return changed


def written(plain: Any, dice: Dice) -> bytes:
    """Return a value as JSON text in one of several encodings, sometimes with syntax errors or extreme nesting."""
    text = json.dumps(plain, ensure_ascii=dice.random() < 0.5, indent=dice.choice([None, 2]))
    faults = [
        *(lambda text: "// comment\n" + text, lambda text: text[:-1] + ",}", lambda text: text.replace('"', "'", 2)),
        *(
            lambda text: '{"a":' * 5000 + text + "}" * 5000,
            lambda text: text.replace("1", "9" * 5000, 1),
            lambda text: "[" * 10**5,
        ),
    ]
    if dice.random() < 0.3:
        text = dice.choice(faults)(text)
    return text.encode(
        dice.choice(["utf-8"] * 5 + ["utf-8-sig", "utf-16", "utf-32", "euc-kr"]),
        "replace",
    )


def _boxes(value: Any) -> Any:
    if isinstance(value, dict | list):
        yield value
        for one in value.values() if isinstance(value, dict) else value:
            yield from _boxes(one)


BYTES: list[Mutation] = [truncated, flipped, flipped, renumbered, renumbered, spliced, replaced]
