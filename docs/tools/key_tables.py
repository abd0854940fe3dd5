"""Write the tables of config keys in docs/training.md from the declarations in `myna.config`.

python docs/tools/key_tables.py            # rewrite the tables
python docs/tools/key_tables.py --check    # exit with 1 if a table is out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic import BaseModel

from myna.config import DataConfig, ModelConfig, TrainConfig
from myna.keys import keys_of

DOCUMENT = Path(__file__).parents[1] / "training.md"
SECTIONS: dict[str, type[BaseModel]] = {"train": TrainConfig, "data": DataConfig, "model": ModelConfig}


def table(name: str) -> str:
    """Return the Markdown table of a section's keys."""
    rows = [f"| key of `{name}` | default | values | meaning |", "|---|---|---|---|"]
    for key in keys_of(SECTIONS[name]).values():
        meaning = f"{key.help}; {key.note}" if key.note else key.help
        rows.append(f"| `{key.name}` | `{key.default}` | {key.range} | {meaning} |")
    return "\n".join(rows)


def with_tables(text: str) -> str:
    """Return `text` with a fresh table between each `<!-- keys: SECTION -->` and `<!-- end of keys -->`."""
    return re.sub(
        r"(<!-- keys: (\w+) -->\n\n).*?(\n\n<!-- end of keys -->)",
        lambda found: f"{found[1]}{table(found[2])}{found[3]}",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    if "--check" not in sys.argv[1:]:
        DOCUMENT.write_text(with_tables(text), encoding="utf-8")
    elif with_tables(text) != text:
        sys.exit(f"a table in {DOCUMENT} is out of date; run python docs/tools/key_tables.py")
