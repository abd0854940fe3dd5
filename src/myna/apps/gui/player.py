"""A/B player: several recordings of one song on one timeline, with pitch curves and spectrograms.

    ab = player()
    button.click(compare_in_a_worker, outputs=ab)  # `myna.evaluation.report.comparison.compare`, or None

Launch the page with the folders of the recordings in `allowed_paths`.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from myna.apps.gui.texts import LANGUAGES, script_texts

if TYPE_CHECKING:
    import gradio as gr

    from myna.evaluation.report.comparison import Comparison


def player(value: Comparison | None = None, **options: Any) -> gr.HTML:
    """Create the component; its value is a comparison, or None for an empty player.

    Args:
        value: the first value.
        options: arguments of `gr.HTML`, for example `elem_id` or `visible`.
    """
    import gradio as gr

    return gr.HTML(
        value,
        # Gradio evaluates a filled template as code: a song called `${alert(1)}` would run. The script creates DOM
        # nodes instead, in which a name is plain text.
        html_template="",
        css_template=_resource("player.css"),
        js_on_load=_resource("player.js"),
        apply_default_css=False,
        **script_texts(LANGUAGES[0], "player"),
        **options,
    )


def _resource(name: str) -> str:
    return (files("myna.apps.gui") / name).read_text("utf-8")
