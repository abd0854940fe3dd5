"""What pickles may do, all in one place. A pickle is a program; here one is followed without running it.

Files of weights are then read by torch's own reader of weights, and 4.1's indexes by `zoo.pickles`; both build numbers
and plain values only. What they may name, and which steps they may take, stands below; every other is refused.
"""

from __future__ import annotations

import pickletools
from typing import IO, NamedTuple

# What pickles of numpy numbers and arrays name: some files of the field hold such a learning rate, and cluster models
# hold their centres so. numpy's own modules have been renamed since most of them were written.
ARRAY_FUNCTIONS = ("scalar", "_reconstruct")
ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ARRAYS = [f"{module}.{name}" for module in ARRAY_MODULES for name in ARRAY_FUNCTIONS]
_TYPES = ("BFloat16", "Bool", "Byte", "Char", "ComplexFloat", "Double", "Float", "Half", "Int", "Long", "Short")
# All that a file of weights may name. torch's own reader allows more, some of which takes as much memory as a file asks
# for.
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
# All that an index may name: faiss was built for several processors, each a module of its own.
_FAISS_BUILDS = ("", ".swigfaiss", ".swigfaiss_avx2", ".swigfaiss_avx512", ".swigfaiss_avx512_spr", ".swigfaiss_sve")
FAISS_KINDS = ("IndexIVFFlat", "IndexFlat", "IndexFlatL2", "IndexFlatIP")
ALLOWED_IN_INDEXES = frozenset(
    [
        *("collections.OrderedDict", "numpy.dtype", "numpy.ndarray", *_ARRAYS),
        *(f"faiss{build}.{kind}" for build in _FAISS_BUILDS for kind in FAISS_KINDS),
    ]
)

# Steps of pickles of the second protocol, which torch writes.
ALLOWED_OPCODES = frozenset(
    [
        *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "NEWOBJ", "BUILD", "BINPERSID"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINSTRING", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET"),
    ]
)
# An index is written by Python's own pickle, in its third protocol or a newer one; numbers with a name are torch's.
ALLOWED_OPCODES_IN_INDEXES = (ALLOWED_OPCODES - {"BINPERSID"}) | {
    *("FRAME", "MEMOIZE", "STACK_GLOBAL", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}

_DEEPEST_TUPLE = 16  # the arguments that rebuild a tensor are four deep


class Steps(NamedTuple):
    """What a pickle would do."""

    names: set[str]
    opcodes: set[str]


def follow_steps(stream: IO[bytes], most: int | None = None) -> Steps:
    """The steps of the pickle that `stream` goes on with, without taking them.

    Of each thing on the stack only is known how deep it is: a tuple of the same two tuples, and so on, is small in a
    file and in memory, but to use it as a key takes for ever.

    Args:
        most: how many steps it may take, and how many things it may remember; None is any number.

    Raises:
        ValueError: it is longer, holds tuples within tuples without need, or is no pickle.
    """
    steps = Steps(set(), set())
    words: list[str] = []  # a name may be put together of the last two
    stack: list[int] = []
    marks: list[int] = []
    memory: dict[int, int] = {}
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        name = opcode.name
        steps.opcodes.add(name)
        # The reader makes room for as many memories as the highest number says.
        if most is not None and (number > most or (name in ("PUT", "LONG_BINPUT") and int(argument or 0) > most)):
            raise ValueError("it takes more steps than such a file needs")
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
        elif name == "POP":  # also a mark
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
                raise ValueError("it holds tuples within tuples without end")
            stack[begin:] = [depth] * len(opcode.stack_after)
    return steps
