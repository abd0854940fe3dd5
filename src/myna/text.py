"""Escaping of names and texts from files, so that all consoles, logs and data formats can represent them."""

from __future__ import annotations

import unicodedata

# Control characters, surrogates (bytes of a name that is not UTF-8), line separators and paragraph separators.
_UNPRINTABLE = frozenset(("Cc", "Cs", "Zl", "Zp"))
# These characters can reverse the displayed order of others, and make one text look like another.
_REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    r"""Return `text` as one printable line; unprintable characters are escaped as in Python, for example \n and \x1b.

    A byte of a name that is not UTF-8 is written as its escaped surrogate, for example \udc83, as in JSON.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _UNPRINTABLE or char in _REORDERING
        else char
        for char in text
    )


def printable_lines(text: str) -> str:
    """Return `text` like `printable`, but keep its line breaks."""
    return "\n".join(map(printable, text.replace("\r\n", "\n").split("\n")))
