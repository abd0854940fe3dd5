"""Parts of pickles and archives that torch did not write, put together by hand."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable

PROTOCOL_2 = b"\x80\x02"


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(module: str, attribute: str, *arguments: bytes) -> bytes:
    return name(module, attribute) + b"(" + b"".join(arguments) + b"tR"


def long(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def in_tuple(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def encoded(data: bytes) -> bytes:
    """Bytes as protocol 2 stores them."""
    return call("_codecs", "encode", text(data.decode("latin1")), text("latin1"))


def dtype(code: bytes, state: bytes = b"") -> bytes:
    return call("numpy", "dtype", code, b"\x89", b"\x88") + state


def array(shape: Iterable[int], type_: bytes, data: bytes) -> bytes:
    made = call("numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"), in_tuple(b"K\x00"), text("b"))
    return made + in_tuple(b"K\x01", in_tuple(*map(long, shape)), type_, b"\x89", encoded(data)) + b"b"


def storage(key: str = "0", n_numbers: int = 4, kind: str = "FloatStorage") -> bytes:
    return in_tuple(text("storage"), name("torch", kind), text(key), text("cpu"), long(n_numbers)) + b"Q"


def tensor(
    of: bytes | None = None, offset: int = 0, shape: Iterable[int] = (2, 2), strides: Iterable[int] = (2, 1)
) -> bytes:
    hooks = name("collections", "OrderedDict") + b")R"
    where = (long(offset), in_tuple(*map(long, shape)), in_tuple(*map(long, strides)))
    return call("torch._utils", "_rebuild_tensor_v2", of or storage(), *where, b"\x89", hooks)


def table(**values: bytes) -> bytes:
    return b"}" + b"".join(text(key) + value + b"s" for key, value in values.items())


def archive(pickled: bytes, pickle_name: str = "data.pkl", more: Iterable[tuple[str, bytes]] = ()) -> bytes:
    """Write an archive like torch, with one storage of 64 bytes."""
    written = io.BytesIO()
    parts = ((f"a/{pickle_name}", pickled), ("a/byteorder", b"little"), ("a/version", b"3\n"), ("a/data/0", bytes(64)))
    with zipfile.ZipFile(written, "w") as file:
        for entry, data in (*parts, *more):
            file.writestr(entry, data)
    return written.getvalue()
