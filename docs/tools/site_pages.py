"""Pages of the documentation site that are not files in `docs/`."""

from __future__ import annotations

import reference_commands
import reference_options

# Page to the function that returns its Markdown.
GENERATED = {
    "reference/commands.md": reference_commands.render,
    "reference/options.md": reference_options.render,
}
# File of the repository to its page and the page's title in the menu.
OUTSIDE = {
    "benchmarks/README.md": ("benchmarks.md", "Benchmarks"),
    "CONTRIBUTING.md": ("contributing.md", "Contributing"),
    "CHANGELOG.md": ("changelog.md", "Changelog"),
    "SECURITY.md": ("security.md", "Security"),
}
