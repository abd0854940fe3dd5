"""Fixtures that keep the settings of the person who runs the tests as they are, and collect garbage less often."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _settings_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use an empty folder for settings, in which conversions make their signing key."""
    with pytest.MonkeyPatch.context() as patch:
        name = "APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME"
        patch.setenv(name, str(tmp_path_factory.mktemp("settings")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _seldom_garbage() -> None:
    """Leave the objects of imported modules, half a million, out of each collection, and collect the rest seldom."""
    gc.collect()
    gc.freeze()
    youngest, middle, _ = gc.get_threshold()
    gc.set_threshold(youngest, middle, 100)
