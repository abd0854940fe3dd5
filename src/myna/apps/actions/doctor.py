"""Checks of this machine and this installation: usable components, problems, and a remedy for each problem."""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from myna.apps.actions.device import CPU_ONLY
from myna.errors import (
    AssetError,
    ConfigError,
    DeviceError,
    FileError,
    MissingExtraError,
    MynaError,
    TooLittleMemoryError,
    merged,
)

# good: works; absent: optional, and not installed; note: a remark; bad: a problem to solve
State = Literal["good", "absent", "note", "bad"]

Shown = Callable[[Path | str], str]  # returns a path as the report shows it

_EXTRAS = {
    "cover": "moving the music of a cover to another key",
    "detection": "quicker detection of music in songs on the page",
    "diffusion": "diffusion models after a voice, for svc infer --shallow-diffusion",
    "eval": "speech intelligibility and quality in svc evaluate",
    "gui": "the studio",
    "live": "the sound card of svc live",
    "onnx": "voices in ONNX",
    "parselmouth": "the f0 method parselmouth",
    "provenance": "Content Credentials (C2PA) in converted files",
    "separation": "more separators for svc separate and svc cover",
}
_GIB = 2**30
_LITTLE_DISK, _NO_DISK = 5 * _GIB, _GIB // 4  # free bytes
_LITTLE_MEMORY, _NO_MEMORY = 2 * _GIB, _GIB // 2  # available bytes
_PROBE_SECONDS = 30.0  # importing PyTorch from a cold disk takes long
_CHECK_SECONDS = 5.0


@dataclass(frozen=True)
class Check:
    """Outcome of one check."""

    name: str  # identifier for programs
    title: str
    state: State
    text: str  # one line
    remedy: str = ""  # one command or one step; empty if none is needed
    facts: dict[str, Any] = field(default_factory=dict)
    kind: type[MynaError] = FileError  # class of the error that a "bad" check causes


@dataclass(frozen=True)
class Diagnosis:
    """All checks of this machine, in a fixed order."""

    checks: tuple[Check, ...]
    seconds: float  # run time

    @property
    def findings(self) -> list[Check]:
        """Return the checks with problems, then those with remarks."""
        return [check for state in ("bad", "note") for check in self.checks if check.state == state]

    @property
    def error(self) -> MynaError | None:
        """Return an error that lists all problems, or None; if they are of several kinds, it is a `FileError`."""
        bad = [check for check in self.checks if check.state == "bad"]
        lines = "; ".join(f"{check.title}: {check.text}" for check in bad)
        return merged((check.kind(check.text) for check in bad), lines) if bad else None

    def plain(self) -> dict[str, Any]:
        """Return the diagnosis as values for JSON."""
        return {
            "findings": [_plain(check) for check in self.findings],
            "checks": [_plain(check) for check in self.checks],
            "seconds": round(self.seconds, 3),
        }


def diagnose(folder: Path, *, paths: bool = True) -> Diagnosis:
    """Run all checks at the same time, each for a limited time; nothing is downloaded or changed.

    Args:
        folder: folder of the studio.
        paths: true writes paths with `~` for the home folder, so that the report can be published; false writes only
            the names of files.
    """
    shown = _with_tilde if paths else _name
    started = time.perf_counter()
    tasks: list[tuple[str, float, Callable[[], Iterable[Check]]]] = [
        ("packages", _CHECK_SECONDS, lambda: _check_packages(shown)),
        ("torch", _PROBE_SECONDS, lambda: _check_torch(_probe("torch"))),
        ("sound", _PROBE_SECONDS, lambda: _check_sound(_probe("sound"))),
        ("microphone", _PROBE_SECONDS, lambda: _check_microphone(_probe("microphone"))),
        ("memory", _CHECK_SECONDS, _check_memory),
        ("disk", _CHECK_SECONDS, lambda: _check_places(folder, shown)),
        ("environment", _CHECK_SECONDS, lambda: _check_environment(shown)),
        ("files", _CHECK_SECONDS, lambda: _check_files(shown)),
    ]
    found: dict[str, list[Check]] = {}
    threads = []
    for name, _, task in tasks:
        # Daemon threads: one that hangs, for example on a lost network drive, must not keep the program running.
        thread = threading.Thread(target=_run, args=(found, name, task), daemon=True)
        thread.start()
        threads.append(thread)
    checks: list[Check] = []
    for (name, limit, _), thread in zip(tasks, threads, strict=True):
        thread.join(max(0.0, limit + 1 - (time.perf_counter() - started)))
        late = Check(name, name, "note", f"no answer after {limit:.0f} s")
        checks += found.get(name, [late])
    return Diagnosis(tuple(checks), time.perf_counter() - started)


def _run(found: dict[str, list[Check]], name: str, task: Callable[[], Iterable[Check]]) -> None:
    try:
        found[name] = list(task())
    except Exception as error:  # a check that fails must not hide the others
        found[name] = [Check(name, name, "note", f"cannot be checked: {type(error).__name__}: {error}")]


@dataclass(frozen=True)
class _Probed:
    """Result of a process that loads native libraries: the facts, or the reason why they are missing."""

    facts: dict[str, Any] | None
    problem: str = ""


def _probe(name: str) -> _Probed:
    # -P: modules beside the file have the same names as modules of the standard library.
    command = [sys.executable, "-P", str(Path(__file__).with_name("doctor_probe.py")), name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return _Probed(None, f"it does not load within {_PROBE_SECONDS:.0f} s")
    if done.returncode < 0:
        return _Probed(None, f"loading it crashes (signal {-done.returncode})")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return _Probed(None, f"it does not load: {reason}")
    return _Probed(json.loads(lines[-1]))


def _check_torch(found: _Probed) -> Iterable[Check]:
    again = "pip install --force-reinstall torch"
    facts = found.facts
    if facts is None:
        yield Check("torch", "PyTorch", "bad", found.problem, again, kind=MissingExtraError)
        return
    if facts["version"] is None:
        yield Check("torch", "PyTorch", "bad", "not installed", "pip install torch", kind=MissingExtraError)
        return
    if facts["device"] is None:
        facts |= {"device": "cpu", "reason": CPU_ONLY.format(facts["version"])}
    yield Check("torch", "PyTorch", "good", str(facts["version"]), facts=facts)
    line = f"{facts['device']} ({facts['reason']})"
    if facts["device"] == "cpu" and facts["nvidia_driver"]:
        wanted = facts["cuda"] is None
        remedy = "install PyTorch for your CUDA version: pytorch.org/get-started" if wanted else "nvidia-smi"
        yield Check("device", "device", "note", f"{line}, although this computer has an NVIDIA driver", remedy)
    elif facts["device"] == "cpu" and (facts["cuda"] or facts["hip"]):
        yield Check("device", "device", "good", f"{line}; training in practice needs a GPU, or a light voice")
    else:
        yield Check("device", "device", "good", line)
    if "free_bytes" in facts:
        text = f"{_size(facts['free_bytes'])} of {_size(facts['total_bytes'])} free"
        little = facts["free_bytes"] < _LITTLE_MEMORY
        remedy = "nvidia-smi" if little else ""
        yield Check("gpu_memory", "memory of the GPU", "note" if little else "good", text, remedy, kind=DeviceError)


def _check_sound(found: _Probed) -> Iterable[Check]:
    if found.facts is None:
        yield Check(
            "sound",
            "audio files",
            "bad",
            found.problem,
            "pip install --force-reinstall av soundfile",
            kind=MissingExtraError,
        )
        return
    facts = found.facts
    text = f"FFmpeg in PyAV {facts['pyav']}, libsndfile {facts['libsndfile']}; reads {', '.join(facts['decoders'])}"
    yield Check("sound", "audio files", "good", text, facts=facts)


def _check_microphone(found: _Probed) -> Iterable[Check]:
    title, facts = "PortAudio", found.facts
    if facts is None:
        yield Check("portaudio", title, "note", found.problem, "pip install --force-reinstall sounddevice")
    elif not facts["installed"]:
        text = "not installed; the studio records with the microphone of the browser"
        yield Check("portaudio", title, "absent", text, "pip install 'myna[live]'", facts)
    elif facts["input"] is None:
        yield Check("portaudio", title, "note", f"{facts['portaudio']}, no microphone", "connect a microphone", facts)
    else:
        yield Check("portaudio", title, "good", f"{facts['portaudio']}, microphone: {facts['input']}", facts=facts)


def _check_packages(shown: Shown) -> Iterable[Check]:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    own = importlib.metadata.metadata("myna")
    python, supported = platform.python_version(), str(own.json.get("requires_python", ""))
    good = SpecifierSet(supported).contains(python, prereleases=True)
    remedy = "" if good else f"install myna in an environment with Python {supported}"
    text = f"{python}, {platform.system()} {platform.release()}, {platform.machine()}"
    facts = {
        "python": python,
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "executable": shown(sys.executable),
    }
    yield Check("myna", "myna", "good", importlib.metadata.version("myna"))
    yield Check("python", "Python", "good" if good else "bad", text, remedy, facts, MissingExtraError)

    needed: dict[str, dict[Requirement, str | None]] = {extra: {} for extra in ("", *_EXTRAS)}
    for line in importlib.metadata.requires("myna") or []:
        requirement = Requirement(line)
        for extra, its in needed.items():
            if requirement.marker is None:
                applies = extra == ""
            else:
                applies = requirement.marker.evaluate({"extra": extra})
                applies = applies and (extra == "" or not requirement.marker.evaluate({"extra": ""}))
            if applies:
                its[requirement] = _version(requirement.name)
    for extra, its in needed.items():
        if its:
            yield _check_requirements(
                extra, {str(one.name): one for one in its}, {one.name: v for one, v in its.items()}
            )


def _check_requirements(extra: str, requirements: dict[str, Any], versions: dict[str, str | None]) -> Check:
    """Check the packages that one of myna's extras requires, or myna itself if `extra` is empty."""
    name, title = ("extra_" + extra, f"extra '{extra}'") if extra else ("packages", "packages")
    missing = [one for one, version in versions.items() if version is None]
    others = [
        f"{one} {version}"
        for one, version in versions.items()
        if version is not None and not requirements[one].specifier.contains(version, prereleases=True)
    ]
    facts = {"versions": versions}
    command = f"pip install --upgrade 'myna[{extra}]'" if extra else "pip install --upgrade myna"
    if extra and missing:
        text = f"not installed ({_EXTRAS[extra]})"
        return Check(name, title, "absent", text, f"pip install 'myna[{extra}]'", facts)
    if missing:
        text = f"not installed: {', '.join(missing)}"
        return Check(name, title, "bad", text, f"pip install {' '.join(missing)}", facts, MissingExtraError)
    if others:
        return Check(name, title, "note", f"another version than myna needs: {', '.join(others)}", command, facts)
    return Check(name, title, "good", "all here" if not extra else f"installed ({_EXTRAS[extra]})", facts=facts)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _check_memory() -> Iterable[Check]:
    total, available = _memory()
    facts = {"total_bytes": total, "available_bytes": available}
    text = f"{_size(total)} in all" if total is not None else "unknown"
    if available is not None:
        text = f"{_size(available)} of {_size(total or available)} available"
    state: State = "good"
    if available is not None and available < _LITTLE_MEMORY:
        state = "bad" if available < _NO_MEMORY else "note"
    remedy = "" if state == "good" else "close other programs"
    yield Check("memory", "memory", state, text, remedy, facts, TooLittleMemoryError)


def _memory() -> tuple[int | None, int | None]:
    """Return the total and the available memory in bytes; None if unknown."""
    if sys.platform == "win32":
        return _windows_memory()
    total = available = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    lines = Path("/proc/meminfo")
    if lines.is_file():
        values = dict(line.split(":", 1) for line in lines.read_text("ascii").splitlines())
        if "MemAvailable" in values:
            available = int(values["MemAvailable"].split()[0]) * 1024
    # A container may have less memory than the machine.
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((group / name).read_text("ascii")) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or one without a limit
        return total, available
    total = limit if total is None else min(total, limit)
    free = max(0, limit - used)
    return total, free if available is None else min(available, free)


def _windows_memory() -> tuple[int | None, int | None]:
    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "available", *"abcde")),
        ]

    status = Status()
    status.length = ctypes.sizeof(Status)
    known = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return (status.total, status.available) if known else (None, None)


def _check_places(folder: Path, shown: Shown) -> Iterable[Check]:
    from huggingface_hub.constants import HF_HUB_CACHE

    places = (
        ("workspace", "folder of the studio", folder, "svcg --folder FOLDER"),
        ("cache", "cache for downloads", Path(HF_HUB_CACHE), "set HF_HOME to a folder with space"),
    )
    for name, title, place, remedy in places:
        there = _existing(place)
        free = shutil.disk_usage(there).free
        facts = {"path": shown(place), "exists": place.exists(), "free_bytes": free, "writable": _writable(there)}
        text = f"{shown(place)}, {_size(free)} free"
        if not facts["writable"]:
            # A cache that cannot be written to is still readable.
            state: State = "bad" if name == "workspace" else "note"
            yield Check(name, title, state, f"cannot write to {shown(there)}", remedy, facts)
        elif free < _LITTLE_DISK:
            yield Check(name, title, "bad" if free < _NO_DISK else "note", text, remedy, facts)
        else:
            yield Check(name, title, "good", text, facts=facts)


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _check_environment(shown: Shown) -> Iterable[Check]:
    from huggingface_hub.constants import HF_HUB_OFFLINE

    from myna.assets import (
        BUNDLED_NETWORKS,
        BUNDLED_SEPARATOR,
        BUNDLED_SONG,
        BUNDLED_VOICES,
        BUNDLED_WEIGHTS,
        local_folders,
    )

    for folder in local_folders():
        if not folder.is_dir():
            text = f"MYNA_ASSETS names {shown(folder)}, which is not a folder"
            yield Check("assets_folder", "MYNA_ASSETS", "bad", text, f'mkdir "{folder}"', kind=ConfigError)
    if HF_HUB_OFFLINE:
        yield Check(
            "offline", "network", "note", "HF_HUB_OFFLINE is set: nothing is downloaded", "unset HF_HUB_OFFLINE"
        )
    bundled = [BUNDLED_SONG, BUNDLED_VOICES / "joe", BUNDLED_WEIGHTS / "myna-lite" / "G_0.pth"]
    bundled += [*(BUNDLED_WEIGHTS / f"{name}.safetensors" for name in BUNDLED_NETWORKS), BUNDLED_SEPARATOR]
    missing = [path.name for path in bundled if not path.exists()]
    text, remedy = f"missing: {', '.join(missing)}", "pip install --force-reinstall --no-deps myna"
    if missing:
        yield Check("bundled", "files of the package", "bad", text, remedy, kind=AssetError)
    else:
        yield Check("bundled", "files of the package", "good", "content encoders, base weights, separator, voice joe")


def _check_files(shown: Shown) -> Iterable[Check]:
    from myna.assets.presence import files_here

    titles = {"asset": "", "base": "base weights ", "package": "package "}
    for one in files_here():
        name = one.name if one.group != "base" else f"base {one.name}"
        title = f"{titles[one.group]}{one.name}"
        facts = {
            "paths": [shown(path) for path in one.paths],
            "bytes": one.size,
            "url": one.url,
            "local": list(one.local),
        }
        size = f", {one.size / 1e6:,.0f} MB" if one.size is not None else ""
        if one.damaged is not None:
            text, path = one.damaged.replace(str(one.paths[0]), shown(one.paths[0])), one.paths[0]
            yield Check(name, title, "bad", text, f'delete "{shown(path)}"', facts, AssetError)
        elif one.here:
            yield Check(name, title, "good", f"{shown(one.paths[0])}{size}", facts=facts)
        elif one.distribution:
            yield Check(name, title, "absent", "not installed", f"pip install --no-deps {one.distribution}", facts)
        elif one.url:
            yield Check(name, title, "absent", f"not here{size}; downloaded when needed", facts=facts)


def _plain(check: Check) -> dict[str, Any]:
    code = {"code": check.kind.code} if check.state == "bad" else {}
    return {
        "name": check.name,
        "title": check.title,
        "state": check.state,
        "text": check.text,
        "remedy": check.remedy,
        **code,
        "facts": check.facts,
    }


def _with_tilde(path: Path | str) -> str:
    """Return a path with `~` in place of the home folder, because that folder's name may be private."""
    path, home = Path(path), Path.home()
    return (Path("~") / path.relative_to(home)).as_posix() if path.is_relative_to(home) else str(path)


def _name(path: Path | str) -> str:
    return Path(path).name


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
