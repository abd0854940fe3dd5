"""Formatting of evaluations as text tables for a terminal, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from myna.evaluation.evaluate import Evaluation, FileEvaluation
from myna.evaluation.scores import MEASURES
from myna.text import printable


def summary_table(evaluation: Evaluation) -> str:
    """Format the summary over all files as a table with one row per measure and its reference values."""
    rows = [["", "source", "converted", "target", "better"]]
    for key, value in evaluation.summary.items():
        measure = MEASURES[key]
        shown = (measure.text(number) for number in (value.source, value.converted, value.target))
        rows.append([measure.title, *shown, measure.better])
    return _columns(rows)


def file_table(evaluation: Evaluation) -> str:
    """Format the scores of each file as a table with one row per conversion."""
    keys = list(evaluation.summary)
    rows = [("file", "seconds", "shift", *(MEASURES[key].short for key in keys))]
    for file in evaluation.files:
        shown = (MEASURES[key].text(file.scores.get(key)) for key in keys)
        rows.append((file.pair.converted.name, f"{file.seconds:.1f}", f"{file.transpose:+g}", *shown))
    return _columns(rows)


def as_plain(evaluation: Evaluation) -> dict[str, Any]:
    """Convert an evaluation to plain values for JSON. Shares range from 0 to 1; undefined measures are omitted."""
    return {
        "summary": {
            key: {"converted": value.converted, "source": value.source, "target": value.target}
            for key, value in evaluation.summary.items()
        },
        "files": [_plain_file(file) for file in evaluation.files],
        "target": {str(path): scores for path, scores in evaluation.target_scores.items()},
        "not_measured": evaluation.not_measured,
        "failures": list(evaluation.failures),
    }


def _plain_file(file: FileEvaluation) -> dict[str, Any]:
    return {
        "converted": str(file.pair.converted),
        "source": str(file.pair.source),
        "seconds": file.seconds,
        "transpose": file.transpose,
        "scores": file.scores,
        "source_scores": file.source_scores,
        "source_text": file.source_text,
        "converted_text": file.converted_text,
    }


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Format rows of cells as a table in which the first column is left-aligned and the others right-aligned."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(padded))
        for padded in (list(zip(row, widths, strict=True)) for row in rows)
    )
