"""Question before something is deleted, with the buttons Yes and No. It takes the focus; Escape means No."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from myna.apps.gui.studio import QUIET
from myna.apps.gui.texts import label

# Runs whenever the question appears, because Gradio removes it from the page in between.
_SCRIPT = """
const box = element.closest(".question");
const opener = document.activeElement;
const no = () => box.querySelector("button.no");
box.setAttribute("role", "alertdialog");
box.setAttribute("aria-label", element.textContent);
function take() { // the buttons are drawn after the text
  if (no()) no().focus();
  else if (element.isConnected) requestAnimationFrame(take);
}
take();
function escape(event) {
  if (!element.isConnected) document.removeEventListener("keydown", escape);
  else if (event.key === "Escape") no()?.click();
}
document.addEventListener("keydown", escape);
box.addEventListener("click", (event) => {
  if (event.target.closest("button.no")) opener?.focus();
});
"""


@dataclass(frozen=True)
class Question:
    """Widgets of a question; `about` is what it is about, because the selection may change meanwhile."""

    text: gr.HTML
    box: gr.Column
    yes: gr.Button
    no: gr.Button
    about: gr.State

    @property
    def outputs(self) -> list[Any]:
        return [self.text, self.box, self.about]


def question(name: str) -> Question:
    """Build a hidden question in the current Gradio block; the ids of its parts begin with `name`."""
    about: gr.State = gr.State(None)
    with gr.Column(visible=False, elem_classes="question") as box:
        text = gr.HTML(elem_id=f"{name}-question", js_on_load=_SCRIPT)
        with gr.Row():
            yes = gr.Button(label("question.yes"), variant="stop", elem_id=f"{name}-yes")
            no = gr.Button(label("question.no"), elem_id=f"{name}-no", elem_classes="no")
    found = Question(text, box, yes, no, about)
    no.click(closed, None, found.outputs, queue=False, **QUIET)
    return found


def asked(text: str, about: Any) -> tuple[Any, ...]:
    """Return the values of `Question.outputs` that ask `text`."""
    return f"<p>{escape(text)}</p>", gr.update(visible=True), about


def closed() -> tuple[Any, ...]:
    """Return the values of `Question.outputs` that hide the question."""
    return gr.skip(), gr.update(visible=False), None
