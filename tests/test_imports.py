"""Every module of myna imports with core dependencies only."""

from __future__ import annotations

import re
import sys

import import_every_module
import processes


def test_every_module_imports_without_the_extras() -> None:
    script = import_every_module.__file__
    done = processes.run([sys.executable, script])
    assert done.returncode == 0, done.stderr
    found = re.match(r"(\d+) modules, (\d+) of the page without its server", done.stdout)
    assert found is not None and int(found[1]) >= 150 and 0 < int(found[2]) < 60, done.stdout


def test_core_dependencies_contain_no_extra() -> None:
    core = import_every_module.core_dependencies()
    assert {"myna", "torch", "numpy", "click", "typing-extensions"} <= core
    assert not core & {"fastapi", "onnx", "faster-whisper", "praat-parselmouth", "pytest", "torchcrepe"}
