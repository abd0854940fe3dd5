"""Allowlists for pickles, and a static analysis of a pickle's opcodes.

A pickle is a program. This module does not run it, and every name and opcode that is not listed here is refused. After
the check, torch's own weights-only reader reads weight files, and `storage.pickles` reads so-vits-svc 4.1's indexes.
Both readers build only numbers and plain values.
"""

from __future__ import annotations

import pickletools
from typing import IO, NamedTuple

# Names in pickles of NumPy numbers and arrays. Some checkpoints store their learning rate as a NumPy number; cluster
# models store their centroids as arrays. NumPy has renamed its modules since most of these files were written.
ARRAY_FUNCTIONS = ("scalar", "_reconstruct")
ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ARRAYS = [f"{module}.{name}" for module in ARRAY_MODULES for name in ARRAY_FUNCTIONS]
_TYPES = ("BFloat16", "Bool", "Byte", "Char", "ComplexFloat", "Double", "Float", "Half", "Int", "Long", "Short")
# Names allowed in weight files. torch's own reader allows more; some of those allocate any amount of memory.
ALLOWED_NAMES = frozenset(
    [
        *("collections.OrderedDict", "_codecs.encode", "numpy.dtype", "numpy.ndarray", "torch.Size", "torch.device"),
        *("__builtin__.set", "builtins.set"),
        *(f"torch._utils._rebuild_{what}" for what in ("tensor", "tensor_v2", "parameter")),
        *(f"torch.{name}Storage" for name in _TYPES),
        *(f"torch.{name}" for name in ("bfloat16", "float16", "float32", "float64", "int32", "int64", "uint8", "bool")),
        *_ARRAYS,
    ]
)
# Names allowed in retrieval indexes. faiss has one module per processor type.
_FAISS_BUILDS = ("", ".swigfaiss", ".swigfaiss_avx2", ".swigfaiss_avx512", ".swigfaiss_avx512_spr", ".swigfaiss_sve")
FAISS_KINDS = ("IndexIVFFlat", "IndexFlat", "IndexFlatL2", "IndexFlatIP")
ALLOWED_IN_INDEXES = frozenset(
    [
        *("collections.OrderedDict", "numpy.dtype", "numpy.ndarray", *_ARRAYS),
        *(f"faiss{build}.{kind}" for build in _FAISS_BUILDS for kind in FAISS_KINDS),
    ]
)

# Opcodes of pickle protocol 2, which torch writes.
ALLOWED_OPCODES = frozenset(
    [
        *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "NEWOBJ", "BUILD", "BINPERSID"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINSTRING", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET"),
    ]
)
# Python's pickle module writes indexes, with protocol 3 or newer. Only torch uses persistent ids (BINPERSID).
ALLOWED_OPCODES_IN_INDEXES = (ALLOWED_OPCODES - {"BINPERSID"}) | {
    *("FRAME", "MEMOIZE", "STACK_GLOBAL", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}

_DEEPEST_TUPLE = 16  # legitimate files need four: the arguments of a tensor


class Steps(NamedTuple):
    """Names and opcodes that occur in a pickle."""

    names: set[str]
    opcodes: set[str]


def follow_steps(stream: IO[bytes], most: int | None = None) -> Steps:
    """Collect the names and opcodes of the next pickle in `stream` without running it.

    A simulated stack tracks the nesting depth of tuples, because deep nesting is an attack: a tuple that contains the
    same tuple twice, and so on, is small in the file and in memory, but hashing it as a key takes exponential time.

    Args:
        stream: byte stream, positioned at the start of a pickle.
        most: maximum number of opcodes and of memo entries; None for no limit.

    Raises:
        ValueError: the pickle exceeds a limit, has deeply nested tuples, or is not a pickle.
    """
    steps = Steps(set(), set())
    words: list[str] = []  # STACK_GLOBAL takes module and name from the last two strings
    stack: list[int] = []
    marks: list[int] = []
    memory: dict[int, int] = {}
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        name = opcode.name
        steps.opcodes.add(name)
        # Python's reader allocates memo entries up to the highest index used.
        if most is not None and (number > most or (name in ("PUT", "LONG_BINPUT") and int(argument or 0) > most)):
            raise ValueError("it has more opcodes than a file of this kind needs")
        if name in ("GLOBAL", "INST"):
            steps.names.add(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            steps.names.add(".".join(words[-2:]))
        elif isinstance(argument, str):
            words.append(argument)
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memory.get(int(argument or 0), 0))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memory[len(memory) if name == "MEMOIZE" else int(argument or 0)] = stack[-1]
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP":  # POP also removes a mark
            if marks and marks[-1] == len(stack):
                marks.pop()
            else:
                stack.pop()
        else:
            taken = opcode.stack_before
            if pickletools.markobject in taken:
                begin = marks.pop() - taken.index(pickletools.markobject)
            else:
                begin = len(stack) - len(taken)
            depth = max(stack[begin:], default=0) + name.startswith("TUPLE")
            if depth > _DEEPEST_TUPLE:
                raise ValueError("its tuples are nested too deep")
            stack[begin:] = [depth] * len(opcode.stack_after)
    return steps
