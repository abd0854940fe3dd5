"""Fuzzing of the kinds of files that myna reads, in watched processes.

    cd tests && python -m fuzz.runner [--minutes 1] [--seed 0] [--processes 2] [--targets model,sound]

A file must be opened, or be refused with a message of one line. A finding is anything else: a traceback, a crash of the
process, code that ran, more time than `MOST_SECONDS`, or more memory than twice the file's size plus `ALLOWANCE`. Files
with findings are kept in the folder `--findings`; the same seed gives the same files.
"""

from __future__ import annotations

import argparse
import json
import os
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
MOST_SECONDS = 10.0  # limit on the processor time for one file
# Limits on the time without a line from a worker. Processor time at its start, for its imports and seeds, and later;
# and time that passes, which is longer because other programs may keep the machine busy.
START_SECONDS = 300.0
SILENCE_SECONDS = 60.0
WAITING_SECONDS = 1800.0
# Bytes beyond twice the file's size, for a network's modules, the buffers of decoders and the allocator's reserve.
ALLOWANCE = 100_000_000


@dataclass
class Session:
    """Fuzzing of one target: its limits and its findings.

    Args:
        name: name of the target.
        seconds: time left for opening files; starting a worker does not count.
        most_files: number of files after which to stop; None for no limit.
        seed: seed of the random damage.
        findings: folder that receives the files with findings.
    """

    name: str
    seconds: float
    most_files: int | None
    seed: int
    findings: Path
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest: float = 0.0
    most_memory: int = 0
    _index: int = 0  # index of the next file

    def run(self) -> None:
        """Open damaged files until the limits are reached; replace a worker that a file crashes or hangs."""
        while not self._over():
            with tempfile.TemporaryDirectory() as folder:
                self._watch_worker(Path(folder))

    def _over(self) -> bool:
        return self.seconds <= 0 or (self.most_files is not None and self.counts.total() >= self.most_files)

    def _watch_worker(self, folder: Path) -> None:
        command = [sys.executable, "-m", "fuzz.worker", self.name, str(folder), str(self.seed), str(self._index)]
        with (folder / "stderr").open("w+") as errors:
            worker = subprocess.Popen(
                command, cwd=TESTS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            lines: queue.Queue[str | None] = queue.Queue()
            reader = threading.Thread(target=_forward, args=(worker, lines), daemon=True)
            reader.start()
            begun: dict[str, Any] | None = None
            ready = False
            try:
                while not self._over():
                    started = time.monotonic()
                    line = _next_line(lines, worker.pid, SILENCE_SECONDS if ready else START_SECONDS)
                    if line is None:
                        errors.seek(0)
                        self._ended(begun, f"ends the process with {worker.wait()}: {errors.read()[-2000:]}")
                        return
                    if ready:
                        self.seconds -= time.monotonic() - started
                    found = json.loads(line)
                    ready = True
                    if "begun" in found:
                        begun, self._index = found, found["index"] + 1
                    elif "outcome" in found:
                        assert begun is not None
                        self._count(begun, found)
            except queue.Empty:
                self._ended(begun, "hangs")
            finally:
                worker.kill()
                worker.wait()
                reader.join()

    def _ended(self, begun: dict[str, Any] | None, problem: str) -> None:
        if begun is None:
            raise RuntimeError(f"the worker of {self.name} {problem}")
        self._keep(begun, problem)

    def _count(self, begun: dict[str, Any], found: dict[str, Any]) -> None:
        self.slowest = max(self.slowest, found["seconds"])
        self.most_memory = max(self.most_memory, found["memory"])
        if found["problem"] is not None:
            self._keep(begun, found["problem"])
        elif found["seconds"] > MOST_SECONDS:
            self._keep(begun, f"takes {found['seconds']:.1f} s")
        elif found["memory"] > 2 * begun["bytes"] + ALLOWANCE:
            self._keep(begun, f"takes {found['memory'] / 1e6:.0f} MB for {begun['bytes'] / 1e6:.2f} MB")
        else:
            self.counts[found["outcome"]] += 1

    def _keep(self, begun: dict[str, Any], problem: str) -> None:
        self.counts["finding"] += 1
        source = Path(begun["begun"])
        kept = self.findings / f"{self.name}-{self.seed}-{begun['index']}{source.suffix}"
        self.findings.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, kept)
        self.problems.append(f"{kept}: {begun['damage']}: {problem}")


def _next_line(lines: queue.Queue[str | None], pid: int, most_seconds: float) -> str | None:
    """Return the next line of a worker, or None at its end; raise `queue.Empty` if it exceeds the limits.

    Args:
        most_seconds: limit on its processor time.
    """
    started, used = time.monotonic(), _processor_seconds(pid)
    while True:
        try:
            return lines.get(timeout=1.0)
        except queue.Empty:
            waited = time.monotonic() - started
            if waited > WAITING_SECONDS or _processor_seconds(pid) - used > most_seconds:
                raise


def _processor_seconds(pid: int) -> float:
    """Return the processor time of a process and its threads; 0 if it ended."""
    try:
        # The name of the program, in parentheses, may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _forward(worker: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert worker.stdout is not None
    with worker.stdout as stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def fuzz(
    targets: Sequence[str],
    seconds: float,
    *,
    seed: int,
    findings: Path,
    processes: int = 2,
    most_files: int | None = None,
) -> dict[str, Session]:
    """Fuzz the targets, `processes` of them at a time; each gets an equal share of the time."""
    share = seconds * processes / len(targets)
    sessions = {name: Session(name, share, most_files, seed, findings) for name in targets}
    waiting, failures = list(sessions.values()), list[BaseException]()

    def work() -> None:
        while waiting and not failures:
            try:
                waiting.pop().run()
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sessions


def main() -> int:
    parser = argparse.ArgumentParser(description="Open damaged files of every kind.")
    parser.add_argument("--minutes", type=float, default=1.0, help="total time, shared by the targets")
    parser.add_argument("--files", type=int, help="number of files of each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--targets", type=lambda text: text.split(","), default=list(TARGETS))
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    chosen = parser.parse_args()
    sessions = fuzz(
        chosen.targets,
        chosen.minutes * 60,
        seed=chosen.seed,
        findings=chosen.findings.resolve(),
        processes=chosen.processes,
        most_files=chosen.files,
    )
    for name, one in sessions.items():
        counts = ", ".join(f"{number} {what}" for what, number in sorted(one.counts.items()))
        print(f"{name:7s} {counts}; slowest {one.slowest:.2f} s, most memory {one.most_memory / 1e6:.0f} MB")
    problems = [problem for one in sessions.values() for problem in one.problems]
    print("\n".join([*problems, f"seed {chosen.seed}: {len(problems)} findings"]))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
