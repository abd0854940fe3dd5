"""What the documents tell people to type is understood, and what they show in Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from myna.apps.cli import COMMANDS, svc

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def command_lines() -> list[str]:
    """Every line that starts with `svc` in a bash block of a document."""
    lines = []
    for document in DOCUMENTS:
        for block in re.findall(r"^```bash\n(.*?)^```", document.read_text(encoding="utf-8"), re.M | re.S):
            lines += [line.split("#")[0].strip() for line in block.splitlines() if line.startswith("svc ")]
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


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
