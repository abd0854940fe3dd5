"""Open damaged files one after the other; `runner.py` runs this module as a separate process and watches it.

    python -m fuzz.worker TARGET FOLDER SEED FIRST

For each file, one line of JSON on standard output is written before the file is opened, and one after that. The process
continues until it is killed.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch

import myna
from fuzz.targets import TARGETS
from myna.errors import MynaError

# Audit events that no file may cause: starts of other programs, connections, and changes to files.
FORBIDDEN = {
    *(
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.spawn",
        "os.posix_spawn",
        "os.startfile",
        "subprocess.Popen",
        "pty.spawn",
    ),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request", "webbrowser.open"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate"),
    *("shutil.rmtree", "shutil.move", "shutil.copyfile", "ctypes.dlopen", "exec"),
}
INSTALLED = (sys.prefix, sys.base_prefix, str(Path(myna.__file__).parent))
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Forbidden(BaseException):
    """Error for a forbidden event during the opening of a file."""


class Watch:
    """Audit hook (PEP 578) that raises on forbidden events while a file is opened."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "exec" and arguments[0].co_filename.startswith(INSTALLED):
            return  # an installed module, imported when it is first needed
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING and arguments[0] != os.devnull
        )
        if writes or event in FORBIDDEN:
            self.seen.append(f"{event} {arguments!r}"[:200])
            raise Forbidden(self.seen[-1])


def memory(field: str) -> int:
    """Return the resident memory in bytes: `VmRSS` is the current value, `VmHWM` the peak since the last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main(name: str, folder: Path, seed: int, first: int) -> None:
    lines, sys.stdout = sys.stdout, sys.stderr  # the runner must not receive what libraries print
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("ignore")
    target = TARGETS[name]
    (folder / "seeds").mkdir()
    seeds = target.seeds(folder / "seeds")
    for path in seeds:
        target.open(path)  # must succeed; imports what opening needs, before memory and events are watched
    watch = Watch()
    print(json.dumps({"ready": len(seeds)}), file=lines, flush=True)
    for index in itertools.count(first):
        dice = random.Random(f"{name} {seed} {index}")
        source = dice.choice(seeds)
        place = source.with_name(f"damaged{source.suffix}")
        damage = target.damage(source, place, dice)
        line: dict[str, Any] = {"index": index, "damage": damage, "bytes": place.stat().st_size}
        print(json.dumps({**line, "begun": str(place)}), file=lines, flush=True)
        reset_peak()
        before, started = memory("VmRSS"), time.process_time()
        problem, outcome = None, "opened"
        watch.on = True
        try:
            target.open(place)
            if damage in target.never_opened:
                problem = "opened, although it must not be"
        except MynaError as error:
            outcome = "refused"
            watch.on = False
            message = str(error)
            if "\n" in message or not message.isprintable() or not message.strip():
                problem = f"the message is not one printable line: {message!r}"
        except Forbidden as error:
            problem = f"code ran: {error}"
        except BaseException as error:
            watch.on = False
            problem = "".join(traceback.format_exception(error)[-6:])
        watch.on = False
        if watch.seen and problem is None:
            problem = f"code ran: {watch.seen}"
        watch.seen.clear()
        line.update(
            outcome=outcome, seconds=time.process_time() - started, memory=memory("VmHWM") - before, problem=problem
        )
        print(json.dumps(line), file=lines, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:5]))
