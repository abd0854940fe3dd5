"""Graphs by hand: one that sings, and graphs that would never end, fill the memory or return something else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_voices import generate

from myna.errors import CheckpointError, ConfigError, MynaError
from myna.onnx import runtime
from myna.voice import Voice
from myna.zoo.inspection import inspect
from myna.zoo.packing import Card

onnx = pytest.importorskip("onnx")
make = onnx.helper

HOP, CHANNELS, SPEAKERS, FRAMES = 4, 8, 2, 6
FLOAT, BOOL, INT64 = 1, 9, 7
CONFIG = {"data": {"hop_length": HOP}, "model": {"ssl_dim": CHANNELS, "n_speakers": SPEAKERS}, "spk": {"a": 0, "b": 1}}
INPUTS: dict[str, tuple[int, list[Any]]] = {
    "content": (FLOAT, [1, CHANNELS, "frames"]),
    "f0": (FLOAT, [1, "frames"]),
    "voiced": (BOOL, [1, "frames"]),
    "speaker": (FLOAT, [1, SPEAKERS, "frames"]),
    "loudness": (FLOAT, [1, "frames"]),
    "noise_scale": (FLOAT, []),
    "predict_f0": (BOOL, []),
}


def constant(name: str, values: Any, kind: int = INT64) -> Any:
    array = np.asarray(values, np.int64 if kind == INT64 else np.float32)
    return make.make_tensor(name, kind, array.shape, array.ravel().tolist())


CONSTANTS = [constant("two", [2]), constant("shape", [1, 1, -1]), constant("ones", np.ones((1, 1, HOP)), FLOAT)]
SUNG = [
    make.make_node("Unsqueeze", ["f0", "two"], ["f0_3"]),
    make.make_node("Mul", ["f0_3", "ones"], ["frames"]),
    make.make_node("Reshape", ["frames", "shape"], ["audio"]),
]
F0 = make.make_node("Identity", ["f0"], ["f0_sung"])


def write(
    path: Path,
    nodes: Sequence[Any],
    *,
    constants: Sequence[Any] = (),
    inputs: dict[str, tuple[int, list[Any]]] | None = None,
    config: dict[str, Any] = CONFIG,
    domains: Sequence[str] = ("",),
) -> Path:
    """Write a graph with a card; without changes it returns each f0 HOP times."""
    given = [make.make_tensor_value_info(name, *kind) for name, kind in (inputs or INPUTS).items()]
    outputs = [make.make_tensor_value_info(name, FLOAT, None) for name in ("audio", "f0_sung")]
    graph = make.make_graph(nodes, "voice", given, outputs, [*CONSTANTS, *constants])
    imports = [make.make_opsetid(domain, 18 if not domain else 1) for domain in domains]
    model = make.make_model(graph, opset_imports=imports, ir_version=9)
    card = Card(family="myna", config=config, content_encoder="vec256l9", sha256="")
    model.metadata_props.add(key="myna", value=card.text())
    path.write_bytes(model.SerializeToString())
    return path


def sing(path: Path, n_frames: int = FRAMES) -> Any:
    voice = Voice.load(path)
    return generate(
        voice.synthesizer,
        content=torch.zeros(1, CHANNELS, n_frames),
        f0=torch.arange(1.0, n_frames + 1)[None],
        voiced=torch.ones(1, n_frames, dtype=torch.bool),
        speaker=torch.tensor([0]),
    )


def test_a_graph_of_plain_operators_sings(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", [*SUNG, F0])
    assert inspect(path).sings
    expected = np.repeat(np.arange(1.0, FRAMES + 1), HOP)
    assert sing(path).audio.tolist() == [[expected.tolist()]]


def endless() -> list[Any]:
    body = make.make_graph(
        [make.make_node("Identity", ["go"], ["on"]), make.make_node("Identity", ["x"], ["y"])],
        "body",
        [
            make.make_tensor_value_info("i", INT64, []),
            make.make_tensor_value_info("go", BOOL, []),
            make.make_tensor_value_info("x", FLOAT, None),
        ],
        [make.make_tensor_value_info("on", BOOL, []), make.make_tensor_value_info("y", FLOAT, None)],
    )
    return [make.make_node("Loop", ["", "predict_f0", "f0"], ["looped"], body=body)]


def branch() -> list[Any]:
    body = make.make_graph(
        [make.make_node("Identity", ["f0"], ["y"])], "then", [], [make.make_tensor_value_info("y", FLOAT, None)]
    )
    return [make.make_node("If", ["predict_f0"], ["x"], then_branch=body, else_branch=body)]


def hidden_graph() -> list[Any]:
    node = make.make_node("Identity", ["f0"], ["x"])
    node.attribute.append(make.make_attribute("body", endless()[0].attribute[0].g))
    return [node]


def external(location: str) -> Any:
    tensor = onnx.TensorProto(name="far", data_type=FLOAT, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def short_raw() -> Any:
    return onnx.TensorProto(name="short", data_type=FLOAT, dims=[1000, 1000], raw_data=bytes(8))


REFUSED: dict[str, dict[str, Any]] = {
    "Loop": {"nodes": endless()},
    "If": {"nodes": branch()},
    "Identity.* with a graph": {"nodes": hidden_graph()},
    "RegexFullMatch": {"nodes": [make.make_node("RegexFullMatch", ["f0"], ["x"], pattern="(a+)+$")]},
    "MyOperator": {"nodes": [make.make_node("MyOperator", ["f0"], ["x"], domain="my")], "domains": ("", "my")},
    "refers to another file": {"nodes": [], "constants": [external("../secret")]},
    "refers to another file.*": {"nodes": [make.make_node("Constant", [], ["x"], value=external("/etc/passwd"))]},
    "fewer or more numbers than": {"nodes": [], "constants": [short_raw()]},
}


@pytest.mark.parametrize("message", REFUSED)
def test_graphs_of_other_operators_are_refused_before_they_run(tmp_path: Path, message: str) -> None:
    given = REFUSED[message]
    path = write(tmp_path / "a.onnx", [*given.pop("nodes"), *SUNG, F0], **given)
    for read in (inspect, Voice.load):
        with pytest.raises(CheckpointError, match=message) as refused:
            read(path)
        assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_functions_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", [*SUNG, F0])
    model = onnx.ModelProto.FromString(path.read_bytes())
    model.functions.append(make.make_function("my", "F", ["x"], ["y"], [], [make.make_opsetid("", 18)]))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="contains functions"):
        Voice.load(path)


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand"])
def test_memory_is_bounded_when_a_graph_is_opened_and_when_it_runs(tmp_path: Path, operator: str) -> None:
    """2**45 numbers of a constant shape; they are not computed when the graph is opened."""
    arguments = ["big"] if operator == "ConstantOfShape" else ["one", "big"]
    large = make.make_node(operator, arguments, ["large"])
    nodes = [large, make.make_node("ReduceSum", ["large"], ["sum"], keepdims=0), F0]
    nodes += [make.make_node("Add", ["f0_3", "sum"], ["more"]), make.make_node("Mul", ["more", "ones"], ["frames"])]
    constants = [constant("big", [2**45]), constant("one", [1.0], FLOAT)]
    path = write(tmp_path / "a.onnx", [SUNG[0], *nodes, SUNG[2]], constants=constants)
    started = time.monotonic()
    assert inspect(path).sings
    with pytest.raises(CheckpointError, match="needs more memory than a voice"):
        sing(path)
    assert time.monotonic() - started < 10


def test_a_graph_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_SECONDS", 0.3)
    monkeypatch.setattr(runtime, "_SECONDS_PER_FRAME", 0.0)
    nodes = [make.make_node("Expand", ["one", "size"], ["m0"])]
    nodes += [make.make_node("MatMul", [f"m{index}", f"m{index}"], [f"m{index + 1}"]) for index in range(2000)]
    nodes += [make.make_node("ReduceSum", ["m2000"], ["sum"], keepdims=0), SUNG[0]]
    nodes += [make.make_node("Add", ["f0_3", "sum"], ["more"]), make.make_node("Mul", ["more", "ones"], ["frames"])]
    constants = [constant("size", [600, 600]), constant("one", [[0.0]], FLOAT)]
    path = write(tmp_path / "a.onnx", [*nodes, SUNG[2], F0], constants=constants)
    started = time.monotonic()
    with pytest.raises(CheckpointError, match="was stopped after 0 seconds"):
        sing(path)
    assert time.monotonic() - started < 30


WRONG: dict[str, list[Any]] = {
    "one sample per frame": [make.make_node("Unsqueeze", ["f0", "two"], ["audio"]), F0],
    "an axis too few": [make.make_node("Reshape", ["frames", "flat"], ["audio"]), *SUNG[:2], F0],
    "a number": [make.make_node("ReduceSum", ["f0"], ["audio"], keepdims=0), F0],
    "no samples": [*SUNG[:2], make.make_node("Slice", ["frames", "zero", "zero", "two"], ["audio"]), F0],
    "double the length": [*SUNG[:2], make.make_node("Concat", ["frames"] * 2, ["x"], axis=1),
                          make.make_node("Reshape", ["x", "shape"], ["audio"]), F0],
    "f0 of another length": [*SUNG, make.make_node("Concat", ["f0", "f0"], ["f0_sung"], axis=1)],
    "integers": [*SUNG[:2], make.make_node("Reshape", ["frames", "shape"], ["x"]), F0,
                 make.make_node("Cast", ["x"], ["audio"], to=11)],
    "shapes that do not fit": [make.make_node("Add", ["content", "loudness"], ["x"]), *SUNG[:2], F0,
                               make.make_node("Reshape", ["x", "five"], ["audio"])],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_audio_of_another_length_or_type_is_refused(tmp_path: Path, name: str) -> None:
    constants = [constant("flat", [1, -1]), constant("zero", [0]), constant("five", [1, 1, 5])]
    path = tmp_path / "a.onnx"
    with pytest.raises(CheckpointError) as refused:
        sing(write(path, WRONG[name], constants=constants))
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


INTERFACES: dict[str, dict[str, tuple[int, list[Any]]]] = {
    "an f0 without axes": INPUTS | {"f0": (FLOAT, [])},
    "an f0 of integers": INPUTS | {"f0": (INT64, [1, "frames"])},
    "speakers without a number": INPUTS | {"speaker": (FLOAT, [1, "n", "frames"])},
    "no loudness": {name: kind for name, kind in INPUTS.items() if name != "loudness"},
    "an unknown input": INPUTS | {"more": (FLOAT, [1])},
    "a noise of 10**12 numbers per frame": INPUTS | {"source_noise": (FLOAT, [10**6, "frames", 10**6])},
    "a noise of an unknown size": INPUTS | {"latent_noise": (FLOAT, [1, "n", "frames"])},
}


@pytest.mark.parametrize("name", INTERFACES)
def test_graphs_with_other_inputs_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"a\.onnx") as refused:
        sing(write(tmp_path / "a.onnx", [*SUNG, F0], inputs=INTERFACES[name]))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model": {"ssl_dim": 9, "n_speakers": SPEAKERS}}, "content of 8 channels, but its card states 9"),
        ({"model": {"n_speakers": "two"}}, r"model\.n_speakers"),
        ({"data": {"hop_length": 2**70}}, "integer of more than 64 bits"),
    ],
)
def test_a_card_that_does_not_fit_the_graph_is_refused(tmp_path: Path, config: dict, message: str) -> None:
    path = write(tmp_path / "a.onnx", [*SUNG, F0], config=config)
    with pytest.raises(ConfigError, match=message) as refused:
        Voice.load(path)
    assert str(path) in str(refused.value)


def test_the_speakers_of_a_card_follow_the_graph(tmp_path: Path) -> None:
    config = CONFIG | {"model": {"ssl_dim": CHANNELS, "n_speakers": 5}, "spk": {"a": 1, "b": 4}}
    found = inspect(write(tmp_path / "a.onnx", [*SUNG, F0], config=config))
    assert (found.n_speakers, found.speakers) == (SPEAKERS, ["a"])
    assert any("b (row 4)" in line for line in found.suspicious)


def test_damaged_graphs_are_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.onnx", [*SUNG, F0]).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "a.onnx"
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            data[random.integers(len(data))] ^= 1 << random.integers(8)
        path.write_bytes(data[: random.integers(len(data))] if random.random() < 0.2 else data)
        try:
            sing(path)
        except MynaError as error:
            assert str(path) in str(error) and "\n" not in str(error)
