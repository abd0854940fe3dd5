"""The documents' commands parse, their Python runs, their links lead somewhere, and the reference is complete."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile

from myna import ConversionOptions
from myna.apps.cli import COMMANDS, svc
from myna.config import Config

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Blocks that other tests run: in a trained project (test_line.py), against a running studio (test_studio_docs.py).
RUN_ELSEWHERE = ("logs/44k", "127.0.0.1:7860")


def blocks(language: str) -> list[tuple[Path, str]]:
    """The code blocks of a language in all documents."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.M | re.S)
    return [(path, block) for path in DOCUMENTS for block in pattern.findall(path.read_text(encoding="utf-8"))]


def command_lines() -> list[str]:
    """Every line that starts with `svc` in a bash block of a document."""
    lines = [
        line.split("#")[0].strip()
        for _, block in blocks("bash")
        for line in block.splitlines()
        if line.startswith("svc ")
    ]
    return sorted(set(lines))


@pytest.mark.parametrize("line", command_lines())
def test_command_line_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *arguments = shlex.split(line)[1:]
    for argument in arguments:
        if Path(argument).suffix in {".wav", ".pth", ".json", ".safetensors", ".onnx"}:
            (tmp_path / argument).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / argument).touch()
    monkeypatch.chdir(tmp_path)
    command = svc.get_command(None, name)
    assert command is not None, f"{name} is not a command; there are {', '.join(COMMANDS)}"
    command.make_context(name, arguments)


def python_blocks() -> list[object]:
    """Every Python block that runs beside a voice, a song and its conversion."""
    return [
        pytest.param(block, id=f"{path.stem}-{number}")
        for number, (path, block) in enumerate(blocks("python"))
        if not any(word in block for word in RUN_ELSEWHERE)
    ]


@pytest.mark.parametrize("block", python_blocks())
def test_python_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = np.arange(22050) / 22050
    tone = 0.1 * sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 9))
    for name in ("vocals.wav", "vocals.out.wav", "song.wav"):
        soundfile.write(tmp_path / name, tone, 22050)
    Config.template("myna-lite").write(tmp_path / "config.json")
    if "onnx" in block:
        write_graph(tmp_path / "alto.onnx")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "document", "exec"), {})


def write_graph(path: Path) -> None:
    """An ONNX graph with one input."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, [1, None]) for name in ("f0", "audio")]
    graph = helper.make_graph([helper.make_node("Identity", ["f0"], ["audio"])], "alto", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)


Render = Callable[[], str]


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> dict[str, Render]:
    """The pages of the site that are made of the code."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "tools"))
    from site_pages import GENERATED

    return GENERATED


def test_links_between_documents_lead_somewhere(generated: dict[str, Render]) -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            path = (document.parent / target).resolve()
            page = path.relative_to(ROOT / "docs").as_posix() if path.is_relative_to(ROOT / "docs") else None
            assert path.exists() or page in generated, f"{document.name} links to {target}"


def test_the_reference_has_every_flag_of_every_command(generated: dict[str, Render]) -> None:
    _, *sections = re.split(r"^## svc ", generated["reference/commands.md"](), flags=re.M)
    texts = {section.split("\n")[0]: section for section in sections}
    assert list(texts) == list(COMMANDS)
    for name, text in texts.items():
        command = svc.get_command(click.Context(svc), name)
        assert command is not None
        for parameter in command.params:
            for flag in [*parameter.opts, *parameter.secondary_opts] if isinstance(parameter, click.Option) else []:
                assert f"`{flag}`" in text, f"svc {name} {flag}"


def test_the_reference_has_every_option(generated: dict[str, Render]) -> None:
    page = generated["reference/options.md"]()
    assert [name for name in ConversionOptions.__dataclass_fields__ if f"| `{name}` |" not in page] == []
