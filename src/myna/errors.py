"""Errors that a person can act on: one line that says what is wrong and the way out.

The command line prints such an error without a traceback and exits with 1; anything else is a defect of ours.
"""

from __future__ import annotations


class MynaError(Exception):
    """Something outside the program is not as it must be; the message names it and what to do."""


class AudioError(MynaError):
    """A recording cannot be read, or holds nothing that can be used."""


class ConfigError(MynaError):
    """A configuration is malformed, or does not fit the weights or the request."""


class CheckpointError(MynaError):
    """A file is not the checkpoint that it should be."""


class AssetError(MynaError):
    """A pretrained file is not on this machine and cannot be fetched."""


class MissingExtraError(MynaError):
    """An optional library is not installed."""

    def __init__(self, what: str, extra: str = "", *, packages: str = "") -> None:
        """`extra` of ours brings it, or else pip given `packages`."""
        needs = f"the extra '{extra}': pip install 'myna[{extra}]'" if extra else f"pip install {packages}"
        super().__init__(f"{what} needs {needs}")
