"""The files of the page agree with each other: modules, texts, vendored libraries."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from myna.apps.gui.texts import texts

WEB = Path(str(files("myna.apps.gui") / "web"))
MODULES = sorted(path for path in WEB.rglob("*.js") if path.parent.name != "vendor")
STYLES = sorted(WEB.rglob("*.css"))
REPOSITORY = Path(__file__).parents[3]


_KEYS = re.compile(r'"((?:frame|live|sing|train|booth2|voices|jobs|doctor|player|tracks|pitch)\.[a-z_]+)"')
_IMPORTS = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)


@cache
def source(path: Path) -> str:
    return path.read_text("utf-8")


def imported(path: Path, found: set[Path]) -> set[Path]:
    """Collect a module and all that it imports at once."""
    if path not in found:
        found.add(path)
        for name in _IMPORTS.findall(source(path)):
            imported((path.parent / name).resolve(), found)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(WEB).as_posix())
def test_a_module_writes_no_html_and_asks_no_other_host(path: Path) -> None:
    text = source(path)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://", text
    )
    assert not re.search(r"dangerouslySetInnerHTML", text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(WEB).as_posix())
def test_every_import_is_there(path: Path) -> None:
    for name in _IMPORTS.findall(source(path)):
        assert (path.parent / name).is_file(), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(WEB).as_posix())
def test_every_text_is_there(path: Path) -> None:
    assert set(_KEYS.findall(source(path))) <= texts("en").keys()


def test_the_first_page_is_preloaded() -> None:
    """Without this, the browser finds each module only after it has read the one that imports it."""
    needed = imported(WEB / "main.js", set()) | imported(WEB / "pages" / "sing.js", set())
    preloaded = re.findall(r'modulepreload" href="static/([^"]+)"', source(WEB / "index.html"))
    assert sorted(preloaded) == sorted(path.relative_to(WEB).as_posix() for path in needed - {WEB / "main.js"})


def test_every_style_sheet_is_linked() -> None:
    linked = re.findall(r'stylesheet" href="static/([^"]+)"', source(WEB / "index.html"))
    assert sorted(linked) == [path.relative_to(WEB).as_posix() for path in STYLES]


def test_every_colour_of_a_style_sheet_is_declared() -> None:
    declared = {name for path in STYLES for name in re.findall(r"(--[\w-]+):", source(path))}
    for path in STYLES:
        assert set(re.findall(r"var\((--[\w-]+)", source(path))) <= declared, path.name


def test_the_vendored_libraries_are_those_of_the_lock_file() -> None:
    lock = REPOSITORY / "package-lock.json"
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    for name in ("preact", "wavesurfer"):
        head = source(WEB / "vendor" / f"{name}.js").splitlines()[0]
        for package, version in re.findall(r"(@?[\w./-]+) (\d+\.\d+\.\d+)", head):
            assert packages[f"node_modules/{package}"]["version"] == version
            assert f"{package} {version}" in source(WEB / "vendor" / "LICENSES.txt")
    assert not any(
        "resolved" in package for package in packages.values()
    )  # a mirror's addresses are of no use to others
