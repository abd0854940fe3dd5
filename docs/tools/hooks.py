"""Build steps of the documentation site: pages from the code, pages from files outside `docs/`, links, formulas.

mkdocs calls the `on_*` functions by name (`hooks` in mkdocs.yml). Nothing here imports torch.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File
from site_pages import GENERATED, OUTSIDE

ROOT = Path(__file__).parents[2]

# A formula is written $...$ or $$...$$, which repository hosts render too; other dollar signs are kept.
PAGES_WITH_FORMULAS = ("how_it_works.md", "theory.md")

_FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)
# A function in MathML that is followed by its argument without parentheses.
_FUNCTION = re.compile(r"(<mi>(?:log|ln|sin|cos|tanh)</mi>)(?=<m(?:i|sub|subsup|n|frac)>)")
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Add the files outside `docs/` to the menu."""
    pages = [{title: page} for path, (page, title) in OUTSIDE.items() if (ROOT / path).is_file()]
    config.nav.append({"Project": pages})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that no file in `docs/` holds."""
    for page, render in GENERATED.items():
        files.append(File.generated(config, page, content=render()))
    for path, (page, _) in OUTSIDE.items():
        if (ROOT / path).is_file():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Fix links that work only in the repository, and convert formulas to MathML."""
    source = page.file.src_uri
    origin = {page: path for path, (page, _) in OUTSIDE.items()}.get(source, f"docs/{source}")

    def link(match: re.Match[str]) -> str:
        return site_link(match, origin, source)

    parts = _FENCE.split(markdown)  # every second one is a code block
    for index in range(0, len(parts), 2):
        parts[index] = _LINK.sub(link, parts[index])
        if source in PAGES_WITH_FORMULAS:
            parts[index] = with_formulas(parts[index])
    return "".join(parts)


def site_link(match: re.Match[str], origin: str, source: str) -> str:
    """Convert a link on a page, at `origin` in the repository and `source` on the site, to its form on the site.

    A link to a file that is not on the site is replaced by its text.
    """
    text, target, anchor = match[1], match[2], match[3] or ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
    if path in OUTSIDE:
        page = OUTSIDE[path][0]
    elif path == "README.md":
        page = "index.md"
    elif path.startswith("docs/"):
        page = path.removeprefix("docs/")
    elif (ROOT / path).exists():
        return text
    else:
        return match[0]  # mkdocs reports it
    return f"[{text}]({posixpath.relpath(page, posixpath.dirname(source) or '.')}{anchor})"


def with_formulas(markdown: str) -> str:
    """Replace $$...$$ and $...$ with MathML, which browsers render without a script."""
    display = re.sub(r"\$\$(.+?)\$\$", lambda found: mathml(found[1], "block"), markdown, flags=re.S)
    # In a span, because Markdown treats a line that begins with <math> as a block.
    return re.sub(r"\$([^$\n]+)\$", lambda found: f"<span>{mathml(found[1], 'inline')}</span>", display)


def mathml(formula: str, display: str) -> str:
    """Convert a formula to MathML, with a space between a function and its argument, which the converter omits."""
    return _FUNCTION.sub(r'\1<mspace width="0.17em"/>', convert(formula.strip(), display=display))
