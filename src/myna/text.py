"""Spelling of names and texts from files, so that every console, log and data format can store them."""

from __future__ import annotations

import unicodedata

# Control characters, surrogates (bytes of a name that is not UTF-8), line and paragraph separators.
_UNPRINTABLE = frozenset(("Cc", "Cs", "Zl", "Zp"))
# These reverse the order of the characters that follow them, so a text can look like another one.
_REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    r"""Return `text` in one line of valid Unicode: other characters are spelled like in Python, for example \n, \x1b.

    A byte of a name that is not UTF-8 becomes its surrogate, for example \udc83. JSON spells it the same way.
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
