"""Record of the first use of files without a published hash. Later, such a file must have the same hash."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from myna.assets import Source, sha256_of
from myna.assets.download import repository
from myna.errors import AssetError
from myna.storage.atomic import write_text

logger = logging.getLogger(__name__)

_NAME = "myna-first-use.json"


@dataclass(frozen=True)
class _Use:
    revision: str
    sha256: str


def recall(source: Source) -> Source:
    """Return `source` with the revision and hash of its first use; unchanged if it was never used."""
    use = _read(source).get(source.filename)
    return source if use is None else replace(source, revision=use.revision, sha256=use.sha256)


def remember(source: Source, path: Path) -> None:
    """Record the revision and hash of `path`, the file of `source` in the hub's cache."""
    snapshots = repository(source) / "snapshots"
    revision = path.relative_to(snapshots).parts[0] if path.is_relative_to(snapshots) else source.revision
    uses = _read(source) | {source.filename: _Use(revision, sha256_of(path))}
    try:
        write_text(memory(source), json.dumps({name: asdict(use) for name, use in uses.items()}))
    except OSError as error:  # several people may share the cache, which may then be read-only
        logger.warning("a change of %s will not be noticed: cannot write %s: %s", path, memory(source), error.strerror)


def memory(source: Source) -> Path:
    """Return the path of the record, in the folder of the repository in the hub's cache."""
    return repository(source) / _NAME


def _read(source: Source) -> dict[str, _Use]:
    try:
        found: Any = json.loads(memory(source).read_text("utf-8"))
        return {str(name): _Use(str(use["revision"]), str(use["sha256"])) for name, use in found.items()}
    except FileNotFoundError:
        return {}
    # The record is written atomically, so a malformed record was edited by somebody.
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise AssetError(f"cannot read {memory(source)}; delete it to accept the weights that are there") from error
