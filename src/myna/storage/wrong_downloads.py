"""What servers and repositories give instead of the file that was asked for."""

from __future__ import annotations

PAGE = "a web page, not the weights; download the file itself"
# How it begins, in small letters, and what it is.
SERVED_INSTEAD = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights; run git lfs pull, or download the file itself"),
    *(
        (beginning, PAGE)
        for beginning in (b"<!doctype", b"<html", b"<?xml", b"entry not found", b"invalid username", b"repository not")
    ),
)


def served_instead(start: bytes) -> str | None:
    """What a file that begins so is instead of itself; None where it may be what it should be."""
    text = start.lstrip().lower()
    return next((what for beginning, what in SERVED_INSTEAD if text.startswith(beginning)), None)
