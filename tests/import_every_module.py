"""Import every module of myna with its core dependencies only: `python tests/import_every_module.py`.

Packages that are installed but are not a core dependency, direct or indirect, are made absent first. Modules of the
page may lack the packages of its server; every other failure is printed, and the exit code is 1. Needs nothing but an
installed myna.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pkgutil import walk_packages
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import myna

PAGE = "myna.apps.gui."
SERVER = ("fastapi", "starlette", "uvicorn", "websockets")


def core_dependencies() -> set[str]:
    """Distributions that `pip install myna` installs, by canonical name."""
    found: set[str] = set()
    left = [Requirement("myna")]
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        key = f"{name}{sorted(one.extras)}"
        if key in found:
            continue
        found |= {name, key}
        try:
            needed = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue  # for another platform, or part of Python
        environments: list[dict[str, str]] = [{"extra": extra} for extra in ("", *one.extras)]
        left += [
            inner
            for inner in needed
            if inner.marker is None or any(inner.marker.evaluate(environment) for environment in environments)
        ]
    return found


class Without:
    """A finder of modules that does not find some top-level packages."""

    def __init__(self, finder: Any, absent: set[str]) -> None:
        self.finder, self.absent = finder, absent

    def find_spec(self, fullname: str, *where: Any) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.absent:
            return None
        spec: ModuleSpec | None = self.finder.find_spec(fullname, *where)
        return spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def main() -> int:
    core = core_dependencies()
    extras = {
        module
        for module, distributions in packages_distributions().items()
        if not any(canonicalize_name(one) in core for one in distributions) and module != "myna"
    }
    sys.meta_path[:] = [Without(finder, extras) for finder in sys.meta_path]
    warnings.simplefilter("error")
    modules = sorted(one.name for one in walk_packages(myna.__path__, "myna.", onerror=lambda name: None))
    failed, without_page = [], 0
    for name in modules:
        if name == "myna.__main__":
            continue
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if name.startswith(PAGE) and (error.name or "").partition(".")[0] in SERVER:
                without_page += 1
            else:
                failed.append(f"{name}: {error}")
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
    print(f"{len(modules)} modules, {without_page} of the page without its server, {len(failed)} failed")
    print("\n".join(failed), file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
