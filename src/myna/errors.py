"""Errors that a user can act on: one line that says what is wrong and what to do.

The command line prints such an error without a traceback and exits with 1. Any other exception is a bug.
"""

from __future__ import annotations


class MynaError(Exception):
    """Base class: a file, option or installation is wrong; the message names it and says what to do."""


class AudioError(MynaError):
    """A recording cannot be read or written, or contains nothing usable."""


class ConfigError(MynaError):
    """A configuration is malformed, or does not match the weights or the request."""


class CheckpointError(MynaError):
    """A file is not the expected checkpoint, or is damaged."""


class AssetError(MynaError):
    """A pretrained file is not on this machine and cannot be downloaded."""


class BusyError(MynaError):
    """Another process uses the same folder."""


class MissingExtraError(MynaError):
    """An optional library is not installed."""

    def __init__(self, what: str, extra: str = "", *, packages: str = "") -> None:
        """
        Args:
            what: the feature that needs the library.
            extra: the extra of myna that installs the library.
            packages: arguments for pip, if no extra installs the library.
        """
        needs = f"the extra '{extra}': pip install 'myna[{extra}]'" if extra else f"pip install {packages}"
        super().__init__(f"{what} needs {needs}")
