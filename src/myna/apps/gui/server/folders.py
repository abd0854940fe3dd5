"""Opening of a folder in the file manager of this computer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from myna.errors import ConfigError

_OPENERS = {"darwin": "open", "win32": "explorer"}


def show_folder(folder: Path) -> None:
    """Open a folder in the file manager; return at once.

    Raises:
        ConfigError: this computer has no file manager that can be started.
    """
    opener = _OPENERS.get(sys.platform, "xdg-open")
    # Without a desktop, xdg-open would start a browser in a terminal.
    has_desktop = opener != "xdg-open" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    path = shutil.which(opener)
    if path is None or not has_desktop:
        raise ConfigError(f"this computer has no file manager; the folder is {folder}")
    nothing = subprocess.DEVNULL
    opened = subprocess.Popen(
        [path, str(folder)], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    # A process that has ended stays in the system's list until its parent waits for it.
    threading.Thread(target=opened.wait, name="file manager", daemon=True).start()
