"""Prompts of the recording booth, which are sentences to read and melodies to sing, and the names of the takes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from myna.apps.gui.server.wording import Wording
from myna.studio.prompts import VOICES, VoiceName, guide_tone, melodies, root_for, sentences
from myna.studio.take_report import Kind

MOST_SECONDS = 60.0  # limit of a take; the longest melody takes 15 s
_GUIDE_RATE = 16000  # enough for the guide tone's highest overtone, 4 kHz
_NUMBER = re.compile(r"(\d+) ")  # a take's name begins with the number of its prompt
_FRENCH = ("jacques", "jacques_2", "lune")  # keys of the melodies with French lyrics
_WORDS = 6  # number of words of a prompt in the name of its take


class Prompt(BaseModel):
    """A sentence to read or a melody to sing."""

    kind: Kind
    title: str
    text: str = Field(description="sentence or lyrics")
    hint: str = ""
    language: Literal["en", "fr"] = Field("en", description="language of the text")
    notes: list[dict[str, Any]] = Field([], description="notes relative to the root; empty for a sentence")
    guide: str | None = Field(None, description="address of the guide tone")
    number: int = Field(description="number of the prompt, from 1")
    total: int = Field(description="number of prompts")
    recorded: int = Field(description="number of prompts of this kind that have a take")
    done: bool = Field(description="whether this prompt has a take")
    most_seconds: float = MOST_SECONDS


def total(kind: Kind) -> int:
    """Return the number of prompts of a kind."""
    return len(sentences()) if kind == "spoken" else len(melodies())


def wrapped(kind: Kind, number: int) -> int:
    """Wrap a prompt's number around: the first prompt follows the last one."""
    return (number - 1) % total(kind) + 1


def prompt_of(kind: Kind, number: int, voice: VoiceName, recordings: Iterable[Path], language: str) -> Prompt:
    """Return a prompt.

    Args:
        number: counts from 1 and wraps around.
        voice: range of notes of the singer.
        recordings: all recordings of the voice in training, including the takes.
        language: language of the titles and hints.
    """
    number = wrapped(kind, number)
    takes = recorded(recordings, kind)
    common: dict[str, Any] = {
        **{"kind": kind, "number": number, "total": total(kind)},
        **{"recorded": len(takes), "done": number in takes},
    }
    if kind == "spoken":
        return Prompt(title=Wording(language, "server.booth.")("read"), text=sentences()[number - 1], **common)
    melody = melodies()[number - 1]
    return Prompt(
        title=Wording(language, "melody.")(melody.key, syllable=melody.syllable),
        text=melody.text,
        hint=Wording(language, "hint.")(melody.key) if melody.hint else "",
        language="fr" if melody.key in _FRENCH else "en",
        notes=[asdict(note) for note in melody.notes],
        guide=f"/api/v1/booth/guide?{urlencode({'number': number, 'range': voice})}",
        **common,
    )


def next_number(kind: Kind, after: int, recordings: Iterable[Path]) -> int:
    """Return the number of the first prompt after `after` without a take; the next number if all have takes."""
    takes, n = recorded(recordings, kind), total(kind)
    order = [(after + step) % n + 1 for step in range(n)]
    return next((number for number in order if number not in takes), after % n + 1)


def recorded(recordings: Iterable[Path], kind: Kind) -> set[int]:
    """Return the numbers of the prompts of a kind that have takes."""
    names = (_NUMBER.match(path.name) for path in recordings if path.parent.name == kind)
    return {int(found[1]) for found in names if found}


def take_name(number: int, text: str) -> str:
    """Return the name of a take: the number and the first words of its prompt."""
    words = " ".join(re.sub(r"[^\w\s'-]", "", text).split()[:_WORDS])
    return f"{number:03} {words}".strip()


def guide_wav(number: int, voice: VoiceName) -> bytes:
    """Return the guide tone of a melody as a WAV file."""
    import soundfile

    melody = melodies()[wrapped("sung", number) - 1]
    file = io.BytesIO()
    tone = guide_tone(melody, root_for(melody, VOICES[voice]), _GUIDE_RATE)
    soundfile.write(file, tone, _GUIDE_RATE, subtype="PCM_16", format="WAV")
    return file.getvalue()
