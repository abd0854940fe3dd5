"""Removal of old files from a workspace when a studio opens."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from myna.studio import results, trash
from myna.studio.workspace import Workspace

_MADE_DAYS = 7  # age of deleted download files
_CACHE_DAYS = 90  # age of deleted facts: those about deleted songs and voices are never read again


def tidy(workspace: Workspace) -> None:
    """Delete old items of the trash, unfinished results, old download files and old facts."""
    trash.empty_old(workspace)
    results.sweep(workspace)
    for folder in _older(workspace.made.glob("*"), _MADE_DAYS):
        shutil.rmtree(folder, ignore_errors=True)
    for path in _older(workspace.cache.glob("*/*"), _CACHE_DAYS):
        path.unlink(missing_ok=True)


def _older(paths: Iterable[Path], days: int) -> list[Path]:
    limit = time.time() - days * 24 * 3600
    return [path for path in paths if path.stat().st_mtime < limit]
