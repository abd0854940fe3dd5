"""Serve a studio: `python -m myna.apps.gui.server --folder FOLDER --port PORT`."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path

from myna.apps.gui.server.app import open_studio, serve

parser = argparse.ArgumentParser()
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--port", type=int)
parser.add_argument("--no-browser", action="store_true")
chosen = parser.parse_args()
with open_studio(chosen.folder) as studio:
    server, url = serve(studio, port=chosen.port)
    print(f"The studio is open: {url}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.close()
