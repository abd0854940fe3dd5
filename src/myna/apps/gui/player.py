"""The A/B player: several recordings of one song on one timeline, with their pitch and spectrograms.

    heard = player(texts=language["player"])
    button.click(compare_in_a_worker, outputs=heard)  # `myna.evaluation.report.comparison.compare`, or None

The page must be launched with the folders of the recordings among its `allowed_paths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from myna.evaluation.report.comparison import Comparison

# All that the player says. `{name}` is where the name of a recording goes.
TEXTS = {
    "player": "Player",
    "play": "Play",
    "pause": "Pause",
    "loading": "Loading",
    "tracks": "What is heard",
    "equal_loudness": "Equal loudness",
    "position": "Position",
    "pitch": "Pitch",
    "spectrogram": "Spectrogram: {name}",
    "keys": "Space plays and pauses, A, B or 1, 2 choose what is heard, the arrows move 2 seconds.",
    "unplayable": "“{name}” cannot be played: it is gone, or this browser does not know its format.",
    "empty": "What you listen to appears here.",
}


def player(value: Comparison | None = None, texts: Mapping[str, str] | None = None, **options: Any) -> gr.HTML:
    """The component; its value is a comparison, or None while there is nothing to hear.

    Args:
        value: what is shown first.
        texts: of `TEXTS`, those in the language of the page.
        options: of `gr.HTML`, as `elem_id` or `visible`.
    """
    import gradio as gr

    return gr.HTML(
        value,
        # Gradio evaluates what a template makes of a value as code: a song called `${alert(1)}` would run. The script
        # builds the page of nodes instead, in which a name is text.
        html_template="",
        css_template=_resource("player.css"),
        js_on_load=_resource("player.js"),
        apply_default_css=False,
        texts={**TEXTS, **(texts or {})},
        **options,
    )


def _resource(name: str) -> str:
    return (files("myna.apps.gui") / name).read_text("utf-8")
