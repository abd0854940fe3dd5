"""Errors that a user can act on, each with one line that states the problem and the way out.

The command line prints such an error without a traceback and exits with the code of its class. `understood` converts
errors of libraries and of the operating system to such errors. Any other exception is a bug.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import ClassVar

from myna.text import printable

# Exit codes of the command line. Codes 3 to 9 are the `exit_code` of a class below.
EXIT_CODES = {
    0: "done",
    1: "a defect of myna, with a traceback; please report it",
    2: "the command line is wrong: a command, a flag or a value of a flag",
    3: "another process uses the same folder or port",
    4: "a file is missing, damaged, of the wrong kind, or cannot be read or written",
    5: "a configuration is invalid, or options, files and voices cannot be combined",
    6: "a pretrained file is missing, damaged, or cannot be downloaded",
    7: "an optional package is not installed",
    8: "the device does not exist, or the device or the computer has too little memory",
    9: "the training diverged",
    129: "the terminal was closed (SIGHUP)",
    130: "Ctrl-C (SIGINT)",
    141: "the program that reads the output ended (SIGPIPE)",
    143: "the command was terminated (SIGTERM)",
}

# Phrases for a lack of memory in exceptions of libraries that are not a `MemoryError`.
_OUT_OF_MEMORY = (
    "not enough memory",
    "DefaultCPUAllocator",
    "out of memory",
    "std::bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
    "is killed by signal: Killed",
)
# Verb in the message for error numbers that determine it; for others, it depends on whether the path is readable.
_VERBS = {
    **dict.fromkeys((errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.EEXIST), "write"),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE), "open"),
    errno.EIO: "read or write",
}


class MynaError(Exception):
    """Base class: a file, an option or the installation is wrong. The message names it and states the way out.

    Attributes:
        code: name of the kind of error, for programs.
        exit_code: exit code of the command line, a key of `EXIT_CODES`.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return the message as one line, with unprintable characters in names escaped."""
        return printable(super().__str__())

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the class and the message, because constructors of subclasses take other arguments."""
        return _rebuild, (type(self), self.args)


def _rebuild(kind: type[MynaError], arguments: tuple[object, ...]) -> MynaError:
    error = kind.__new__(kind)
    error.args = arguments
    return error


class FileError(MynaError):
    """A file cannot be read or written, or is damaged."""

    code = "file"
    exit_code = 4


class AudioError(FileError):
    """A recording cannot be read or written, or contains nothing usable."""

    code = "audio"


class CheckpointError(FileError):
    """A file is not the expected checkpoint, or is damaged."""

    code = "checkpoint"


class ConfigError(MynaError):
    """A configuration is malformed, or does not match the weights or the request."""

    code = "config"
    exit_code = 5


class AssetError(MynaError):
    """A pretrained file is missing and cannot be downloaded, is damaged, or is a different version."""

    code = "asset"
    exit_code = 6


class BusyError(MynaError):
    """Another process is using the same folder or port."""

    code = "busy"
    exit_code = 3


class MissingExtraError(MynaError):
    """An optional library is not installed."""

    code = "missing_extra"
    exit_code = 7

    def __init__(self, what: str, extra: str = "", *, packages: str = "") -> None:
        """
        Args:
            what: the feature that needs the library.
            extra: the extra of myna that installs the library.
            packages: arguments for pip, if no extra installs the library.
        """
        needs = f"the extra '{extra}': pip install 'myna[{extra}]'" if extra else f"pip install {packages}"
        super().__init__(f"{what} needs {needs}")


class DeviceError(MynaError):
    """This machine lacks the requested device, or its PyTorch does not support that device."""

    code = "device"
    exit_code = 8


class TooLittleMemoryError(MynaError):
    """The device or the computer has too little memory."""

    code = "memory"
    exit_code = 8


class TrainingError(MynaError):
    """Error after which training cannot continue."""

    code = "training"
    exit_code = 9


def reason_of(error: BaseException) -> str:
    """Return the reason stated by an error, in one line without error number and file names."""
    # The message of an error from a worker process includes a traceback; its last line is the reason.
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return (error.strerror if isinstance(error, OSError) else None) or last


def merged(failures: Iterable[MynaError], message: str) -> MynaError:
    """Return one error for several failures; its class is that of the failures if they share it, else `FileError`."""
    kinds = {type(failure) for failure in failures}
    return _rebuild(kinds.pop() if len(kinds) == 1 else FileError, (message,))


def explain(error: BaseException) -> str | None:
    """Describe an error in one line if a person can act on it; return None for other errors, which are bugs."""
    found = understood(error)
    return None if found is None else str(found)


def understood(error: BaseException) -> MynaError | None:
    """Convert an error that a person can act on to a `MynaError`; return None for other errors, which are bugs.

    People can act on a `MynaError`, an error of the file system, and a lack of memory.
    """
    if isinstance(error, MynaError):
        return error
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    ):
        return TooLittleMemoryError(
            "this computer has too little memory for it; close other programs, or use shorter or fewer files"
        )
    if isinstance(error, OSError):
        return FileError(_explain_file_error(error))
    # PyTorch raises its own error while it handles an error of the file system.
    if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
        return understood(error.__context__)
    return None


def _explain_file_error(error: OSError) -> str:
    reason = reason_of(error)
    names = [os.fsdecode(name) for name in (error.filename2, error.filename) if isinstance(name, str | bytes)]
    verb = _VERBS.get(error.errno or 0)
    if not names:
        return f"cannot {verb or 'read or write'}: {reason}"
    # Modules that read the user's files raise their own errors. Therefore, an `OSError` for a readable path probably
    # comes from writing.
    unreadable = os.path.exists(names[0]) and not os.access(names[0], os.R_OK)
    return f"cannot {verb or ('read' if unreadable else 'write')} {names[0]}: {reason}"
