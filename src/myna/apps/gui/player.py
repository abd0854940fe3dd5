"""The A/B player: several recordings of one song on one timeline, with their pitch and spectrograms.

    heard = player()
    button.click(compare_in_a_worker, outputs=heard)  # `myna.evaluation.report.comparison.compare`, or None

The page must be launched with the folders of the recordings among its `allowed_paths`.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from myna.apps.gui.texts import LANGUAGES, spoken

if TYPE_CHECKING:
    import gradio as gr

    from myna.evaluation.report.comparison import Comparison


def player(value: Comparison | None = None, **options: Any) -> gr.HTML:
    """The component; its value is a comparison, or None while there is nothing to hear.

    Args:
        value: what is shown first.
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
        **spoken(LANGUAGES[0], "player"),
        **options,
    )


def _resource(name: str) -> str:
    return (files("myna.apps.gui") / name).read_text("utf-8")
