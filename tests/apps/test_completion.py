"""`svc completion` prints a script, and the shell that runs it is offered commands, flags, values and voices."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

import processes
from myna.apps.cli import COMMANDS, main, svc
from myna.apps.cli.commands.completion import INSTALLATION


@pytest.mark.parametrize("shell", INSTALLATION)
def test_the_script_is_that_of_click_with_the_line_that_installs_it(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["completion", shell])
    assert left.value.code == 0
    out = capsys.readouterr().out
    file, line = INSTALLATION[shell]
    assert out.startswith(f"# To install it, add this line to {file}:\n#   {line}\n")
    kind = get_completion_class(shell)
    assert kind is not None and kind(svc, {}, "svc", "_SVC_COMPLETE").source() in out


def complete(words: str, home: Path) -> list[str]:
    """Values that a shell is offered for the last of some words."""
    environment = {"_SVC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    home_of = {"HOME": str(home), "USERPROFILE": str(home), "HF_HOME": str(home / "cache")}
    done = processes.run([sys.executable, "-m", "myna"], env=os.environ | environment | home_of)
    return [line.split(",", 1)[1] for line in done.stdout.splitlines()]


def test_commands_flags_values_and_voices_are_offered(tmp_path: Path) -> None:
    assert complete("svc pre-", tmp_path) == [name for name in COMMANDS if name.startswith("pre-")]
    assert "--auto-transpose" in complete("svc infer song.wav --auto", tmp_path)
    assert complete("svc infer -fm m", tmp_path) == ["median"]
    own = tmp_path / "myna" / "voices" / "johanna"
    own.mkdir(parents=True)
    (own / "G_1.pth").write_bytes(b"")
    assert complete("svc infer song.wav -m jo", tmp_path) == ["joe", "jo"]  # the second is for files
    assert str(own / "G_1.pth") in complete(f"svc infer song.wav -m {tmp_path}", tmp_path) or str(own) in complete(
        f"svc infer song.wav -m {tmp_path}", tmp_path
    )


def test_completion_loads_nothing_heavy() -> None:
    script = """
import os, sys
os.environ |= {"_SVC_COMPLETE": "bash_complete", "COMP_WORDS": "svc infer -m j", "COMP_CWORD": "3"}
from myna.apps.cli import main
try:
    main([])
except SystemExit:
    found = {"torch", "numpy", "transformers", "av"} & set(sys.modules)
    sys.exit(f"completion loads {found}" if found else 0)
"""
    done = processes.run([sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="there is no bash")
def test_bash_runs_the_script(tmp_path: Path) -> None:
    (tmp_path / "svc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m myna "$@"\n')
    (tmp_path / "svc").chmod(0o755)
    script = """
eval "$(svc completion bash)"
COMP_WORDS=(svc dem); COMP_CWORD=1
_svc_completion svc
echo "${COMPREPLY[@]}"
"""
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=os.environ | {"PATH": path}, check=True
    )
    assert done.stdout.strip() == "demo", done.stderr
