"""Texts that the server writes, in the language of a visitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from myna.apps.gui.texts import complete_texts


@dataclass(frozen=True)
class Wording:
    """Texts whose keys begin with `prefix`, in one language; a missing text is in English.

    Wording("ko", "server.train.")("prepare_first")
    """

    language: str
    prefix: str

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with `values` in place of its placeholders."""
        return complete_texts(self.language)[f"{self.prefix}{key}"].format(**values)

    def part(self, prefix: str) -> Wording:
        """Return the texts with another prefix in the same language."""
        return Wording(self.language, prefix)

    def duration(self, seconds: float) -> str:
        """Return a duration in words: seconds up to two minutes, then minutes, and hours from two hours on."""
        say = self.part("server.duration.")
        if seconds < 120:
            return say("seconds", count=round(seconds))
        if seconds < 7200:
            return say("minutes", count=round(seconds / 60))
        return say("hours", count=round(seconds / 3600, 1))
