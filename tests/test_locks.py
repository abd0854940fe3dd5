"""The lock files hold every dependency, in the version of constraints.txt and with hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A package for WebAssembly only, which no supported system installs.
NEVER_INSTALLED = {"httpx2-jsfetch"}


def name_of(requirement: str) -> str:
    """The normalised name of a package (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def versions(path: Path) -> dict[str, str]:
    """The pinned version of each package in a requirements file."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", path.read_text(encoding="utf-8"), re.M)
    return {name_of(name): version for name, version in lines}


CONSTRAINTS = versions(ROOT / "constraints.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["core", "tested", "docs"])
def test_locked_versions_are_those_of_the_constraints(name: str) -> None:
    locked = versions(ROOT / "locks" / f"{name}.txt")
    assert len(locked) > 30
    assert {
        one: version for one, version in locked.items() if CONSTRAINTS.get(one) != version
    }.keys() <= NEVER_INSTALLED


@pytest.mark.parametrize("name", ["core", "tested", "docs", "weights"])
def test_every_locked_package_has_a_hash(name: str) -> None:
    entries = re.split(r"^(?=\S)", (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8"), flags=re.M)
    packages = [entry for entry in entries if "==" in entry.partition("\n")[0]]
    assert packages and all("--hash=sha256:" in entry for entry in packages)


def test_every_dependency_is_locked_but_torch() -> None:
    core = {name_of(one) for one in PROJECT["project"]["dependencies"]}
    assert core - versions(ROOT / "locks" / "core.txt").keys() == {"torch"}
    extras = PROJECT["project"]["optional-dependencies"]
    needed = {name_of(one) for extra in extras.values() for one in extra}
    assert needed <= versions(ROOT / "locks" / "tested.txt").keys()
    group = {name_of(one) for one in PROJECT["dependency-groups"]["docs"]}
    assert group <= versions(ROOT / "locks" / "docs.txt").keys()
