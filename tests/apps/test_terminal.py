"""Texts from files do not control the terminal: escape codes, line breaks and reordering marks are spelled."""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from myna.apps import cli
from myna.apps.cli import svc
from myna.config import Config
from myna.zoo.opening import open_voice

GOLDEN = Path(__file__).parents[1] / "golden" / "fork" / "quickvc-istft"
CLEAR, TITLE, BELL, C1, BIDI = "\x1b[2J", "\x1b]0;owned\x07", "\a\b\r", "\x9b31m", "\u202e\u2066"
HOSTILE = f"Anna{CLEAR}{TITLE}{BELL}{C1}{BIDI}\n  sings        no\n\u2028x"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(svc, [str(one) for one in arguments], catch_exceptions=True)


def assert_harmless(output: str) -> None:
    for line in output.split("\n"):
        assert not [char for char in line if unicodedata.category(char) in ("Cc", "Zl", "Zp")], repr(line)
        assert not set(line) & set(BIDI), repr(line)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Packed voice of a stranger, whose card speaks to the terminal."""
    config = json.loads((GOLDEN / "config.json").read_text("utf-8"))
    config["spk"] = {HOSTILE: 0, "zoe": 99, f"{CLEAR}": 1}
    config["pitch"] = {HOSTILE: {"median_hz": 200, "low_hz": 100, "high_hz": 300}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    path = tmp_path / "voice.safetensors"
    opened = open_voice(GOLDEN / "G_3.pth", tmp_path / "config.json")
    opened.pack(path, author=HOSTILE, licence=HOSTILE, cover=HOSTILE)
    (tmp_path / "config.json").unlink()
    return path


def test_a_card_does_not_control_the_terminal(packed: Path, tmp_path: Path) -> None:
    shown = run("inspect", packed)
    assert shown.exit_code == 0
    assert_harmless(shown.output)
    assert r"author       Anna\x1b[2J\x1b]0;owned\x07\x07\x08\r\x9b31m\u202e\u2066\n  sings" in shown.output
    # A line break in a name or a text does not begin a line that looks like one of ours.
    assert [line for line in shown.output.split("\n") if line.startswith("  sings")] == ["  sings        yes"]
    for done in (run("voices", tmp_path), run("unpack", packed, "-o", tmp_path / "unpacked")):
        assert done.exit_code == 0, done.output
        assert_harmless(done.output)
        assert "Anna" in done.output
    assert HOSTILE in Config.read(tmp_path / "unpacked" / "config.json").speakers  # the name itself is kept


def test_json_has_the_texts_as_they_are(packed: Path) -> None:
    shown = run("inspect", "--json", packed)
    assert_harmless(shown.output)
    assert json.loads(shown.output)["files"][0]["author"] == HOSTILE


def test_errors_do_not_control_the_terminal(tmp_path: Path) -> None:
    unknown = tmp_path / "a.pth"
    torch.save({f"{CLEAR}w\n": torch.ones(1)}, unknown)
    named = tmp_path / "b.pth"
    named.write_bytes(b"\x80\x02c\x1b[2Jos\nsys\x9btem\n.")
    speakers = tmp_path / "config.json"
    speakers.write_text(json.dumps({"spk": {"a\x1b[2J\n": "\x1b[31mx\n"}}))
    for arguments in (
        ("inspect", unknown, named),
        ("inspect", GOLDEN / "G_3.pth", "-c", speakers),
        ("inspect", tmp_path / "no\x1b[2J\nfile.pth"),
        ("infer", "song.wav", "-m", GOLDEN, "-c", speakers),
    ):
        done = run(*arguments)
        assert_harmless(done.output)
        assert_harmless(str(done.exception))


def test_log_messages_are_one_line_and_tracebacks_are_harmless(capsys: pytest.CaptureFixture) -> None:
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        cli.show_log_messages(verbose=False)
        try:
            raise ValueError(CLEAR)
        except ValueError:
            logging.getLogger("myna.voice").warning("%s: speakers %s", "G_1.pth", HOSTILE, exc_info=True)
    finally:
        root.handlers = before
    first, *traceback = capsys.readouterr().err.split("\n")
    assert first.startswith(r"WARNING myna.voice: G_1.pth: speakers Anna\x1b[2J") and "Traceback" in traceback[0]
    assert_harmless("\n".join([first, *traceback]))


def test_commands_print_through_one_function() -> None:
    folder = Path(cli.__file__).parent
    printing = [path.name for path in folder.rglob("*.py") if re.search(r"click\.s?echo\(|\bprint\(", path.read_text())]
    assert printing == ["report.py"]
