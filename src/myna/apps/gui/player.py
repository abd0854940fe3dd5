"""A/B player: a component that plays several recordings of a song in sync, with pitch curves and spectrograms.

    ab = player()
    # The handler returns the result of `myna.evaluation.report.comparison.compare`, or None.
    button.click(compare_in_a_worker, outputs=ab)

Launch the page with `allowed_paths` that include the folders of the recordings.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from myna.apps.gui.texts import LANGUAGES, script_texts

if TYPE_CHECKING:
    import gradio as gr

    from myna.evaluation.report.comparison import Comparison


def player(value: Comparison | None = None, **options: Any) -> gr.HTML:
    """Create the component. Its value is a comparison, or None for an empty player.

    Args:
        value: the initial value.
        options: arguments of `gr.HTML`, for example `elem_id` or `visible`.
    """
    import gradio as gr

    return gr.HTML(
        value,
        # Gradio evaluates a filled template as code: a song named `${alert(1)}` would run. The script therefore creates
        # DOM nodes, in which a name is plain text.
        html_template="",
        css_template=_resource("player.css"),
        js_on_load=_resource("player.js"),
        apply_default_css=False,
        **script_texts(LANGUAGES[0], "player"),
        **options,
    )


# Script of an event whose last input is `playing()`.
PLAYING_LAST = "(...inputs) => [...inputs.slice(0, -1), Boolean(globalThis.mynaPlayers?.playing)]"


def playing() -> gr.Checkbox:
    """Create an invisible input that is true while a player of the page plays; its event needs `js=PLAYING_LAST`."""
    import gradio as gr

    return gr.Checkbox(visible=False)


def _resource(name: str) -> str:
    return (files("myna.apps.gui") / name).read_text("utf-8")
