"""What the processes beside the page do: each a function of a report and plain values, each thin over what `svc` calls.

Nothing here imports Gradio; the process of the page imports nothing of this.
"""

from __future__ import annotations


def warm_up() -> None:
    """Load what takes seconds, before the first job needs it."""
    import myna.conversion.converter  # noqa: F401
