"""Modules import what the layer table of docs/architecture.md allows: left or down, never right or up."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import processes

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "myna"
BANNED = {"torchaudio", "librosa", "fairseq", "torchcrepe", "torchfcpe"}


def layer_table() -> dict[str, set[str]]:
    """Modules of myna that each module may import, read from docs/architecture.md."""
    table: dict[str, set[str]] = {}
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("<!-- layers -->")[1]
    for row in re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)[1:]:
        modules, allowed = (re.findall(r"`([\w.]+)`", cell) for cell in row)
        for module in modules:
            table[module] = set(allowed)
    return table


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def covers(layer: str, module: str) -> bool:
    return module == layer or module.startswith(layer + ".")


SOURCES = sorted(PACKAGE.rglob("*.py"))
TABLE = layer_table()


@pytest.mark.parametrize("path", SOURCES, ids=[module_name(path) or "myna" for path in SOURCES])
def test_a_module_imports_what_its_layer_allows(path: Path) -> None:
    module = module_name(path)
    found = imports(path)
    assert not {name.split(".")[0] for name in found} & BANNED
    if module in ("", "__main__"):
        return
    layers = [layer for layer in TABLE if covers(layer, module)]
    assert layers, f"{module} is in no row of the layer table"
    layer = max(layers, key=len)
    for name in sorted(found):
        if not name.startswith("myna."):
            continue
        target = name.removeprefix("myna.")
        allowed = TABLE[layer] | {layer}
        assert any(covers(one, target) for one in allowed), f"{module} may not import {name}"


@pytest.mark.parametrize("statement", ["import myna", "from myna import Config, ConversionOptions"])
def test_importing_the_package_loads_nothing_heavy(statement: str) -> None:
    heavy = "{'torch', 'transformers', 'scipy', 'onnxruntime', 'tensorboard', 'lightning_fabric'}"
    script = f"import sys; {statement}; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    done = processes.run([sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr
