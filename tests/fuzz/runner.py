"""Fuzzing of everything that myna reads, in watched processes.

    python -m fuzz.runner [--minutes 1] [--seed 0] [--processes 2] [--targets model,sound] [--findings FOLDER]

Run it in `tests/`. A file must be opened, or refused with one line. A finding is anything else: a traceback, a crash of the
process, code that ran, 10 s of processor time, or memory beyond twice the file's size and `ALLOWANCE`. Every finding's file is
kept in the folder of findings; the same seed makes the same files.
"""

from __future__ import annotations

import argparse
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.targets import TARGETS

TESTS = Path(__file__).parents[1]
MOST_SECONDS = 10.0  # of processor time for a file
SILENCE_SECONDS = 60.0  # without a line from a worker, on a machine that may be busy
START_SECONDS = 300.0  # for imports and seeds
# Bytes beyond twice the file: a network's modules, decoders' buffers, the allocator's reserve.
ALLOWANCE = 100_000_000


@dataclass
class Outcome:
    """Number of files and the findings of one target."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest: float = 0.0
    most_memory: int = 0

    @property
    def n_files(self) -> int:
        return sum(self.counts.values())


def fuzz(
    name: str,
    *,
    seconds: float,
    most_files: int | None = None,
    seed: int = 0,
    first: int = 0,
    step: int = 1,
    findings: Path,
) -> Outcome:
    """Open damaged files of one target until the time is up or `most_files` are done.

    Args:
        first: number of the first file. With `step`, several processes share the files.
        findings: folder that receives the files of findings.
    """
    outcome = Outcome()
    left = seconds
    with tempfile.TemporaryDirectory() as folder:
        index = first
        while left > 0 and (most_files is None or outcome.n_files < most_files):
            index, left = _watch_worker(name, Path(folder), outcome, left, most_files, seed, index, step, findings)
    return outcome


def _watch_worker(
    name: str,
    folder: Path,
    outcome: Outcome,
    seconds: float,
    most_files: int | None,
    seed: int,
    first: int,
    step: int,
    findings: Path,
) -> tuple[int, float]:
    """Run a worker until it dies, hangs, or is done; return the number of the next file and the seconds that are left."""
    shutil.rmtree(folder / "seeds", ignore_errors=True)
    command = [sys.executable, "-m", "fuzz.worker", name, str(folder), str(seed), str(first), str(step)]
    worker = subprocess.Popen(
        command, cwd=TESTS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines: queue.Queue[str] = queue.Queue()
    said: list[str] = []
    readers = [
        threading.Thread(
            target=lambda: [lines.put(line) for line in worker.stdout or ()] and None or lines.put(""), daemon=True
        ),
        threading.Thread(target=lambda: said.extend(worker.stderr or ()), daemon=True),
    ]
    for reader in readers:
        reader.start()
    begun: dict[str, Any] | None = None
    index = first
    deadline: float | None = None  # known when the worker is ready
    try:
        while most_files is None or outcome.n_files < most_files:
            try:
                line = lines.get(timeout=START_SECONDS if deadline is None else SILENCE_SECONDS)
            except queue.Empty:
                if deadline is None:
                    raise RuntimeError(f"the worker of {name} did not start: {''.join(said)[-2000:]}") from None
                _keep(outcome, name, seed, begun, "hangs", findings)
                return index + step, (deadline or 0) - time.monotonic()
            if not line:
                worker.wait()
                if deadline is None:
                    raise RuntimeError(f"the worker of {name} did not start: {''.join(said)[-2000:]}")
                _keep(
                    outcome,
                    name,
                    seed,
                    begun,
                    f"ends the process with {worker.returncode}: {''.join(said)[-1000:]}",
                    findings,
                )
                return index + step, (deadline or 0) - time.monotonic()
            found = json.loads(line)
            if "ready" in found:
                deadline = time.monotonic() + seconds
                continue
            if "begun" in found:
                begun, index = found, found["index"]
                continue
            _count(outcome, name, seed, {**(begun or {}), **found}, findings)
            if deadline is not None and time.monotonic() > deadline:
                break
        return index + step, (deadline or 0) - time.monotonic()
    finally:
        worker.kill()
        worker.wait()


def _count(outcome: Outcome, name: str, seed: int, found: dict[str, Any], findings: Path) -> None:
    outcome.slowest = max(outcome.slowest, found["seconds"])
    outcome.most_memory = max(outcome.most_memory, found["memory"])
    problem = found["problem"]
    if problem is None and found["seconds"] > MOST_SECONDS:
        problem = f"takes {found['seconds']:.1f} s"
    if problem is None and found["memory"] > 2 * found["bytes"] + ALLOWANCE:
        problem = f"takes {found['memory'] / 1e6:.0f} MB for {found['bytes'] / 1e6:.2f} MB"
    if problem is not None:
        _keep(outcome, name, seed, found, problem, findings)
    else:
        outcome.counts[found["outcome"]] += 1


def _keep(outcome: Outcome, name: str, seed: int, found: dict[str, Any] | None, problem: str, findings: Path) -> None:
    outcome.counts["finding"] += 1
    if found is None:
        outcome.findings.append(f"{name}: {problem}")
        return
    source = Path(found["begun"])
    findings.mkdir(parents=True, exist_ok=True)
    kept = findings / f"{name}-{seed}-{found['index']}{source.suffix}"
    if source.exists():
        shutil.copy(source, kept)
    outcome.findings.append(f"{kept}: {found['damage']}: {problem}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Open damaged files of every kind.")
    parser.add_argument("--minutes", type=float, default=1.0, help="total time, shared by the targets")
    parser.add_argument("--files", type=int, help="number of files of each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--targets", type=lambda text: text.split(","), default=list(TARGETS))
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    chosen = parser.parse_args(arguments)
    findings = chosen.findings.resolve()
    total = Outcome()
    for name, outcome in fuzz_all(
        chosen.targets,
        chosen.minutes * 60,
        processes=chosen.processes,
        seed=chosen.seed,
        most_files=chosen.files,
        findings=findings,
    ).items():
        counts = ", ".join(f"{number} {what}" for what, number in sorted(outcome.counts.items()))
        print(
            f"{name:7s} {counts}; slowest {outcome.slowest:.2f} s, most memory {outcome.most_memory / 1e6:.0f} MB",
            flush=True,
        )
        total.findings += outcome.findings
    for finding in total.findings:
        print(finding, file=sys.stderr)
    print(f"seed {chosen.seed}: {len(total.findings)} findings" + (f", files in {findings}" if total.findings else ""))
    return bool(total.findings)


def fuzz_all(
    targets: Sequence[str], seconds: float, *, processes: int, seed: int, findings: Path, most_files: int | None = None
) -> dict[str, Outcome]:
    """Fuzz targets in parallel; each has an equal share of the time."""
    waiting = list(targets)
    outcomes: dict[str, Outcome] = {}
    failures: list[BaseException] = []
    share = seconds * processes / len(targets)

    def work() -> None:
        while waiting and not failures:
            name = waiting.pop()
            try:
                outcomes[name] = fuzz(name, seconds=share, most_files=most_files, seed=seed, findings=findings)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return {name: outcomes[name] for name in targets}


if __name__ == "__main__":
    sys.exit(main())
