"""Files of torch: tensors and plain values are read, and no file chooses an address, a size or another reader."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from myna.errors import CheckpointError
from myna.retrieval import retrieval_file
from myna.storage import torch_file
from storage import hostile_files as by_hand
from storage.hostile_files import call, in_tuple, long, text

GOLDEN = Path(__file__).parents[1] / "golden" / "fork" / "so-vits-svc-4.0v1" / "G_3.pth"


def equal(one: Any, other: Any) -> bool:
    """Compare two contents of files; also types of numbers and containers must be equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other and type(one) is type(other))


def various_content() -> dict[str, Any]:
    shared = torch.arange(12.0).reshape(3, 4)
    content: dict[str, Any] = {
        "model": nn.Sequential(nn.Conv1d(2, 3, 5), nn.LayerNorm(3)).state_dict(),
        "shared": [shared, shared.T, shared[1:, ::2], shared[2]],
        "types": [torch.arange(3).to(getattr(torch, name)) for name in ("int64", "int16", "uint8", "bool", "float64")],
        "halves": (torch.ones(3, dtype=torch.float16), torch.ones(2, dtype=torch.bfloat16)),
        "empty": torch.empty(0, 3),
        "number": torch.tensor(3.5),
        "plain": [None, True, -1, 2**40, 0.1, "가수", {"a": ()}, 1, 300],
        "centres": np.arange(6, dtype=np.float32).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    optimizer = torch.optim.AdamW(nn.Linear(2, 2).parameters())
    return content | {"optimizer": optimizer.state_dict()}


@pytest.mark.parametrize("is_archive", [True, False])
def test_the_content_equals_what_torch_reads(tmp_path: Path, is_archive: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save(various_content(), path, _use_new_zipfile_serialization=is_archive)
    reference = torch.load(path, weights_only=False)
    assert equal(torch_file.read(path), reference)


def test_golden_checkpoints_equal_what_torch_reads() -> None:
    for path in sorted(Path(__file__).parents[1].glob("golden/**/*.pth")):
        assert equal(torch_file.read(path), torch.load(path, weights_only=True)), path


def test_other_byte_orders_and_alignments_are_read(tmp_path: Path) -> None:
    path, swapped = tmp_path / "a.pth", tmp_path / "b.pth"
    values = torch.tensor([1.5, -2.0, 3e10])
    torch.save({"w": values}, path)
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(swapped, "w") as taken:
        taken.writestr("a/odd", b"x")  # the numbers behind it are not aligned
        for entry in given.infolist():
            data = given.read(entry)
            if entry.filename.endswith("byteorder"):
                data = b"big"
            if "/data/" in entry.filename:
                data = values.numpy().astype(">f4").tobytes()
            taken.writestr("a/" + entry.filename.split("/", 1)[1], data)
    assert torch_file.read(swapped)["w"].tolist() == values.tolist()


def test_tensors_are_mapped_and_changing_them_does_not_change_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"w": torch.zeros(3_000_000)}, path)
    before = path.read_bytes()
    tracemalloc.start()
    weight = torch_file.read(path)["w"]
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    weight += 1
    assert weight.sum() == 3_000_000 and path.read_bytes() == before


def object_pointers() -> bytes:
    """Array of a type that claims a field of Python objects; its text would be read at an address in the file."""
    state = in_tuple(
        *(b"K\x03", text("<"), b"N", in_tuple(text("a"))),
        by_hand.table(a=in_tuple(by_hand.dtype(text("O")), b"K\x00")),
        *(long(8), long(8), b"K\x00"),
    )
    lie = by_hand.dtype(text("f8"), state + b"b")
    void = call("numpy", "dtype", in_tuple(text("V8"), lie))
    return by_hand.array((1,), void, b"\x10AAAAAA\x00")


def claimed(shape: tuple[int, ...], code: str) -> bytes:
    arguments = (by_hand.name("numpy", "ndarray"), in_tuple(*map(by_hand.long, shape)), text(code))
    return call("numpy.core.multiarray", "_reconstruct", *arguments)


def repeated(part: bytes, times: int) -> bytes:
    return b"](" + part + b"q\x01" + b"h\x01" * times + b"e"


def encoded_often(times: int) -> bytes:
    once = text("x" * 100_000) + b"q\x02"
    again = by_hand.name("_codecs", "encode") + b"q\x03" + b"h\x02" + text("latin1") + b"q\x04\x86R"
    return b"](" + once + again + b"h\x03h\x02h\x04\x86R" * times + b"e"


F4 = by_hand.dtype(text("f4"))
WITHOUT_FIELDS = text("<") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "pointers to objects": object_pointers,
    "a type that claims a field": lambda: by_hand.array(
        (1,), by_hand.dtype(text("f8"), in_tuple(b"K\x03", text("<"), b"NK\x01K\x01") + b"b"), b"x" * 8
    ),
    "a type of objects": lambda: by_hand.dtype(text("O")),
    "a type by tuple": lambda: call("numpy", "dtype", in_tuple(text("f4"), long(2**31))),
    "an array without numbers": lambda: claimed((3 * 10**6, 256), "f"),
    "objects": lambda: claimed((2**31,), "O"),
    "74 GiB": lambda: call("numpy", "ndarray", in_tuple(long(10**10))),
    "a shape larger than its bytes": lambda: by_hand.array((10**6, 10**6), F4, b"1234"),
    "a negative shape": lambda: by_hand.array((-1,), F4, b"1234"),
    "a shape of zeros and more": lambda: by_hand.array((0, 2**62, 2**62, 2**62, 1, 2**63 - 1, -3), F4, b""),
    "one array many times": lambda: repeated(by_hand.array((25_000,), F4, bytes(100_000)), 2000),
    "one text as bytes many times": lambda: encoded_often(2000),
    "a number of a claimed size": lambda: call("numpy.core.multiarray", "scalar", F4, by_hand.encoded(b"12345")),
    "a storage larger than its entry": lambda: by_hand.tensor(by_hand.storage(n_numbers=17), shape=(17,), strides=(1,)),
    "a storage of 2**62": lambda: by_hand.tensor(by_hand.storage(n_numbers=2**62)),
    "a storage without an entry": lambda: by_hand.tensor(by_hand.storage("1")),
    "a storage of another entry": lambda: by_hand.tensor(by_hand.storage("../version")),
    "a tensor beyond its storage": lambda: by_hand.tensor(shape=(2, 3)),
    "an offset beyond the storage": lambda: by_hand.tensor(offset=1),
    "a negative offset": lambda: by_hand.tensor(offset=-1),
    "a negative stride": lambda: by_hand.tensor(strides=(-2, 1), offset=3),
    "strides of another rank": lambda: by_hand.tensor(strides=(1,)),
    "an expanded tensor": lambda: by_hand.tensor(shape=(2**40, 1), strides=(0, 0)),
    "a tensor of no storage": lambda: by_hand.tensor(b"N"),
    "a parameter of no tensor": lambda: call("torch._utils", "_rebuild_parameter", b"NNN"),
    "a state of a list": lambda: b"]}b",
    "a state of a tensor": lambda: by_hand.tensor() + in_tuple() + b"b",
    "a call of a plain value": lambda: text("os") + b")R",
    "a call of a type": lambda: by_hand.name("torch", "float32") + b")R",
    "a size of nothing": lambda: call("torch", "Size", in_tuple(long(-3))),
    "a key that is a tuple": lambda: b"}" + b")" + b"\x85" * 60 + b"Ns",
    "a key in pairs": lambda: call("collections", "OrderedDict", b"](" + in_tuple(b")" + b"\x85" * 60, b"N") + b"e"),
    "integers of equal hash": lambda: b"}" + b"\x8a\x0a" + (3 * (2**61 - 1) << 8).to_bytes(10, "little") + b"Ns",
    "a number of 1,000 bits": lambda: b"\x8a\xff" + b"\x01" * 255,
    "lists in lists": lambda: b"]" * 70 + b"a" * 69,
    "a list in itself": lambda: b"]q\x01h\x01a",
    "the same tuple twice, 40 times": lambda: b")q\x00" + b"h\x00\x86q\x00" * 40,
    "other code": lambda: call("builtins", "bytearray", long(4 * 10**9)),
    "a storage from bytes": lambda: call("torch.storage", "_load_from_bytes", by_hand.encoded(b"")),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_chooses_neither_address_nor_size(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.pth"
    content = by_hand.table(model=by_hand.table(w=by_hand.tensor()), more=HOSTILE[name]())
    path.write_bytes(by_hand.archive(by_hand.PROTOCOL_2 + content + b"."))
    tracemalloc.start()
    with pytest.raises(CheckpointError) as refused:
        torch_file.read(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_the_parts_of_the_hostile_files_are_well_formed(tmp_path: Path) -> None:
    """The same parts, with arguments that fit, are read."""
    path = tmp_path / "a.pth"
    state = in_tuple(b"K\x03", WITHOUT_FIELDS) + b"b"
    little = by_hand.dtype(text("f4"), state)
    content = by_hand.table(
        w=by_hand.tensor(shape=(2, 2)),
        a=by_hand.array((2,), little, struct.pack("<2f", 1, 2)),
        n=call("numpy.core.multiarray", "scalar", little, by_hand.encoded(struct.pack("<f", 0.5))),
    )
    path.write_bytes(by_hand.archive(by_hand.PROTOCOL_2 + content + b"."))
    read = torch_file.read(path)
    assert read["w"].tolist() == [[0, 0], [0, 0]] and read["a"].tolist() == [1, 2] and read["n"] == 0.5


@pytest.mark.parametrize("name", ["an array without numbers", "objects", "one array many times"])
def test_centroids_without_numbers_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "kmeans.pt"
    content = by_hand.table(anna=by_hand.table(cluster_centers_=HOSTILE[name]()))
    path.write_bytes(by_hand.archive(by_hand.PROTOCOL_2 + content + b"."))
    with pytest.raises(CheckpointError):
        retrieval_file.read(path)


def test_a_file_with_pointers_does_not_end_the_program(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    weights = by_hand.table(**{"enc_p.emb_phone.weight": by_hand.tensor()})
    content = by_hand.table(weight=weights, version=object_pointers())
    path.write_bytes(by_hand.archive(by_hand.PROTOCOL_2 + content + b"."))
    done = subprocess.run([sys.executable, "-m", "myna", "inspect", str(path)], capture_output=True, text=True)
    assert done.returncode == 4 and "Traceback" not in done.stderr and str(path) in done.stderr, done


GOOD = by_hand.PROTOCOL_2 + by_hand.table(model=by_hand.table(w=by_hand.tensor())) + b"."
OTHER = by_hand.PROTOCOL_2 + by_hand.table(model=by_hand.table(other=by_hand.tensor())) + b"."


def two_directories() -> bytes:
    """Python's zipfile takes the second archive; readers that trust the end record take the first."""
    longest = max(len(GOOD), len(OTHER))
    one, two = (by_hand.archive(pickled.ljust(longest, b"\0")) for pickled in (GOOD, OTHER))
    return two[: two.rfind(b"PK\x05\x06")] + one


def changed(change: Callable[[bytearray, zipfile.ZipInfo], None], entry: str = "a/data.pkl") -> bytes:
    """Change an archive at one of its entries."""
    data = bytearray(by_hand.archive(GOOD))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        change(data, archive.getinfo(entry))
    return bytes(data)


def put(data: bytearray, place: int, new: bytes) -> None:
    data[place : place + len(new)] = new


def in_directory(data: bytearray, entry: zipfile.ZipInfo) -> int:
    """Return the position of an entry in the directory."""
    return data.rindex(b"PK\x01\x02", 0, data.rindex(entry.filename.encode()))


def moved(data: bytearray, entry: zipfile.ZipInfo) -> None:
    """The directory places the entry where another one is."""
    put(data, in_directory(data, entry) + 42, struct.pack("<I", 0))


def compressed() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", GOOD)
    return written.getvalue()


DISAGREEING: dict[str, Callable[[], bytes]] = {
    "DATA.PKL": lambda: by_hand.archive(OTHER, "DATA.PKL"),
    "data.pkl and DATA.PKL": lambda: by_hand.archive(GOOD, more=[("a/DATA.PKL", OTHER)]),
    "data.pkl in two folders": lambda: by_hand.archive(GOOD, more=[("b/data.pkl", OTHER)]),
    "no folder": lambda: by_hand.archive(GOOD).replace(b"a/data.pkl", b"a_data.pkl"),
    "two directories": two_directories,
    "bytes before the archive": lambda: b"PK\x03\x04" + by_hand.archive(GOOD),
    "another name in the local header": lambda: changed(
        lambda data, entry: put(data, entry.header_offset + 30, b"a/DATA.PKL")
    ),
    "another size in the local header": lambda: changed(
        lambda data, entry: put(data, entry.header_offset + 18, struct.pack("<I", 5))
    ),
    "compressed in the local header": lambda: changed(
        lambda data, entry: put(data, entry.header_offset + 8, b"\x08\x00")
    ),
    "encrypted in the local header": lambda: changed(lambda data, entry: put(data, entry.header_offset + 6, b"\x01")),
    "encrypted in the directory": lambda: changed(
        lambda data, entry: put(data, in_directory(data, entry) + 8, b"\x01")
    ),
    "no local header": lambda: changed(lambda data, entry: put(data, entry.header_offset, b"PK\x03\x05")),
    "two entries at one place": lambda: changed(moved, "a/version"),
    "an entry into the directory": lambda: changed(
        lambda data, entry: (
            put(data, in_directory(data, entry) + 20, struct.pack("<2I", 100, 100)),
            put(data, entry.header_offset + 18, struct.pack("<2I", 100, 100)),
        )[0],
        "a/data/0",
    ),
    "a name with a zero": lambda: by_hand.archive(GOOD).replace(b"a/data.pkl", b"a/data.pk\0"),
    "compressed": compressed,
}


@pytest.mark.parametrize("name", DISAGREEING)
def test_an_archive_that_programs_read_differently_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(DISAGREEING[name]())
    with pytest.raises(CheckpointError) as refused:
        torch_file.read(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_a_directory_of_many_entries_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    one = by_hand.archive(GOOD)
    start, end = one.index(b"PK\x01\x02"), one.rindex(b"PK\x05\x06")
    directory = one[start:end] * 60_000
    record = bytearray(one[end:])
    record[12:16] = struct.pack("<I", len(directory))
    path.write_bytes(one[:start] + directory + record)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="has a far longer directory than a voice: refused"):
        torch_file.read(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_classes_that_are_not_needed_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    instance = by_hand.name("argparse", "Namespace") + b")\x81" + by_hand.table(seed=long(1)) + b"b"
    path.write_bytes(by_hand.archive(by_hand.PROTOCOL_2 + by_hand.table(args=instance) + b"."))
    assert torch_file.read(path, frozenset({"argparse.Namespace"})) == {"args": None}
    with pytest.raises(CheckpointError, match=r"names argparse\.Namespace, which could run code .*: refused"):
        torch_file.read(path)


def test_the_order_of_a_state_dict_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(OrderedDict(b=torch.ones(1), a=torch.zeros(1)), path)
    assert list(torch_file.read(path)) == ["b", "a"]
