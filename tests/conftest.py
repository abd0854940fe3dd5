"""Fixture that keeps the settings of the person who runs the tests as they are."""

from __future__ import annotations

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
