"""Errors that a user can act on: one line that says what is wrong and what to do.

The command line prints such an error without a traceback and exits with 1. It does the same for the errors of libraries
and of the operating system that `explain` describes. Any other exception is a bug.
"""

from __future__ import annotations

import errno
import os

from myna.text import printable

# Words with which libraries report a lack of memory in an exception that is not a `MemoryError`.
_OUT_OF_MEMORY = (
    "not enough memory",
    "DefaultCPUAllocator",
    "out of memory",
    "std::bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
    "is killed by signal: Killed",
)
# Verb in the message for those error numbers that determine it; for others, it depends on whether the path is readable.
_VERBS = {
    **dict.fromkeys((errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.EEXIST), "write"),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE), "open"),
    errno.EIO: "read or write",
}


class MynaError(Exception):
    """Base class: a file, option or installation is wrong; the message names it and says what to do."""

    def __str__(self) -> str:
        """Return the message as one printable line, whatever characters the names in it contain."""
        return printable(super().__str__())


class AudioError(MynaError):
    """A recording cannot be read or written, or contains nothing usable."""


class ConfigError(MynaError):
    """A configuration is malformed, or does not match the weights or the request."""


class CheckpointError(MynaError):
    """A file is not the expected checkpoint, or is damaged."""


class AssetError(MynaError):
    """A pretrained file is missing and cannot be downloaded, or it is damaged or of another version."""


class BusyError(MynaError):
    """Another process is using the same folder."""


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


def explain(error: BaseException) -> str | None:
    """Describe an error in one line if a person can act on it; return None for any other error, which is a bug.

    A person can act on a `MynaError`, an error of the file system, and a lack of memory.
    """
    if isinstance(error, MynaError):
        return str(error)
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    ):
        return "this computer has too little memory for it; close other programs, or use shorter or fewer files"
    if isinstance(error, OSError):
        return printable(_explain_file_error(error))
    # PyTorch raises an error of its own while it handles one of the file system.
    if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
        return explain(error.__context__)
    return None


def _explain_file_error(error: OSError) -> str:
    # An error from a worker process has its traceback in the message; the last line is the reason.
    reason = error.strerror or (str(error).strip().splitlines() or [type(error).__name__])[-1]
    names = [os.fsdecode(name) for name in (error.filename2, error.filename) if isinstance(name, str | bytes)]
    verb = _VERBS.get(error.errno or 0)
    if not names:
        return f"cannot {verb or 'read or write'}: {reason}"
    # The modules that read a person's files raise errors of their own. An `OSError` about a readable path is therefore
    # assumed to come from writing.
    unreadable = os.path.exists(names[0]) and not os.access(names[0], os.R_OK)
    return f"cannot {verb or ('read' if unreadable else 'write')} {names[0]}: {reason}"
