"""Card of a voice: an HTML view of the facts that `svc inspect` lists."""

from __future__ import annotations

from html import escape

import gradio as gr

from myna.apps.gui.tasks.singing import Card
from myna.apps.gui.texts import say
from myna.text import printable_lines


def card_html(found: Card, request: gr.Request | None) -> str:
    """Format the facts about a voice as HTML."""
    facts = {
        "card.what": found.what,
        "card.version": found.version,
        "card.speakers": ", ".join(found.speakers) or (found.n_speakers and f"({found.n_speakers})"),
        "card.rate": found.sample_rate and f"{found.sample_rate} Hz",
        "card.size": f"{found.megabytes:g} MB",
        "card.pitch": ", ".join(f"{name} {hz:.0f} Hz" for name, hz in found.pitch.items()),
        "card.index": ", ".join(f"{name or '*'} {size:,}" for name, size in found.timbre.items()),
        "card.author": found.author,
        "card.licence": found.licence,
        "card.cover": found.cover,
        "card.suspicious": "; ".join(found.suspicious),
    }
    lines = (
        f"<dt>{escape(say(request, key))}</dt><dd>{escape(printable_lines(value))}</dd>"
        for key, value in facts.items()
        if value
    )
    return f'<dl class="card">{"".join(lines)}</dl>'
