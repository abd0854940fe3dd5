"""Detection of content that servers and repositories deliver in place of the requested file."""

from __future__ import annotations

PAGE = "a web page, not the weights; download the file itself"
# First bytes of such content in lower case, and a description for the error message.
SERVED_INSTEAD = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights; run git lfs pull, or download the file itself"),
    *(
        (beginning, PAGE)
        for beginning in (b"<!doctype", b"<html", b"<?xml", b"entry not found", b"invalid username", b"repository not")
    ),
)


def served_instead(start: bytes) -> str | None:
    """Describe content that a server delivered in place of the requested file; None if it may be the requested file.

    Args:
        start: first bytes of the content.
    """
    text = start.lstrip().lower()
    return next((what for beginning, what in SERVED_INSTEAD if text.startswith(beginning)), None)
