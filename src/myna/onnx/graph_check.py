"""Check of an ONNX graph before ONNX Runtime loads it.

ONNX Runtime executes any content of a graph. A graph of plain operators ends after each operator has run once. Loops,
branches, functions, operators on text, and data in other files are refused, because voices do not need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from myna.errors import CheckpointError, MissingExtraError

# Operators that PyTorch's exporters write for networks without Python loops. No operator contains another graph.
_OPERATORS = frozenset(
    [
        *("Abs", "Acos", "Add", "And", "Asin", "Atan", "BatchNormalization", "Cast", "CastLike", "Ceil", "Clip"),
        *("Concat", "Constant", "ConstantOfShape", "Conv", "ConvTranspose", "Cos", "CumSum", "Div", "Elu", "Equal"),
        *(
            "Erf",
            "Exp",
            "Expand",
            "Flatten",
            "Floor",
            "Gather",
            "GatherElements",
            "GatherND",
            "Gelu",
            "Gemm",
            "Greater",
        ),
        *("GreaterOrEqual", "GroupNormalization", "Identity", "InstanceNormalization", "IsInf", "IsNaN"),
        *("LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "MatMul", "Max", "Min", "Mod", "Mul", "Neg"),
        *(
            "Not",
            "Or",
            "PRelu",
            "Pad",
            "Pow",
            "Range",
            "Reciprocal",
            "ReduceL2",
            "ReduceMax",
            "ReduceMean",
            "ReduceMin",
        ),
        *("ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Round", "ScatterElements", "ScatterND"),
        *("Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub"),
        *("Sum", "Tan", "Tanh", "Tile", "Transpose", "Unsqueeze", "Where", "Xor"),
    ]
)
_STANDARD = ("", "ai.onnx")
_BYTES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2}  # bytes per number, by ONNX data type


def checked_graph(graph: Path | bytes, name: str, extra: str) -> bytes:
    """Check a graph, and return it serialised with only the checked content.

    Args:
        graph: path of the graph, or the content of its file.
        name: name of the graph for error messages.
        extra: extra of myna that installs the package onnx.

    Raises:
        MissingExtraError: the package onnx is not installed.
        CheckpointError: the file cannot be read, or is not a graph of plain operators.
    """
    try:
        from onnx import ModelProto
    except ImportError as error:
        raise MissingExtraError("a voice in ONNX", extra) from error
    try:
        data = graph.read_bytes() if isinstance(graph, Path) else graph
    except OSError as error:
        raise CheckpointError(f"cannot read {name}: {error.strerror or error}") from error
    try:
        model = ModelProto.FromString(data)
    except Exception as error:  # any exception of protobuf, which is not imported here
        raise CheckpointError(f"{name} is damaged, or not an ONNX graph; export the voice again") from error
    # Fields that are unknown to this version of the package onnx may have a meaning in ONNX Runtime.
    model.DiscardUnknownFields()
    for what in _problems(model):
        raise CheckpointError(f"{name} {what}, which voices in ONNX do not have: refused; export the voice again")
    checked: bytes = model.SerializeToString()
    return checked


def _problems(model: Any) -> Iterator[str]:
    from onnx import AttributeProto

    if model.functions or model.training_info or model.graph.sparse_initializer:
        yield "contains functions, training steps or sparse tensors"
    for tensor in model.graph.initializer:
        yield from _problems_of_tensor(tensor)
    for node in model.graph.node:
        if node.domain not in _STANDARD or node.op_type not in _OPERATORS:
            yield f"contains the operator {node.op_type[:40]!r}"
        for attribute in node.attribute:
            if attribute.type in (AttributeProto.TENSOR, AttributeProto.TENSORS):
                for tensor in (attribute.t, *attribute.tensors):
                    yield from _problems_of_tensor(tensor)
            elif attribute.type not in _PLAIN_ATTRIBUTES or attribute.HasField("g") or attribute.graphs:
                yield f"contains an operator {node.op_type[:40]!r} with a graph"


_PLAIN_ATTRIBUTES = (1, 2, 3, 6, 7, 8)  # codes for a float, an integer, a string, and lists of each


def _problems_of_tensor(tensor: Any) -> Iterator[str]:
    if tensor.external_data or tensor.data_location:
        yield "refers to another file"
    if tensor.data_type not in _BYTES or any(size < 0 for size in tensor.dims):
        yield "contains tensors of an unknown type or shape"
    elif tensor.HasField("raw_data") and len(tensor.raw_data) != prod(tensor.dims) * _BYTES[tensor.data_type]:
        yield "contains tensors with fewer or more numbers than their shape"
