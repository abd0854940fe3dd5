"""Search for pretrained files on this machine, without the network and without computing hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from myna.assets import (
    ASSETS,
    BASE_WEIGHTS,
    BUNDLED_WEIGHTS,
    PACKAGED,
    Source,
    check_whole,
    find_vocoder_file,
    local_folders,
    package_folder,
)
from myna.errors import AssetError

Group = Literal["asset", "base", "package"]


@dataclass(frozen=True)
class FilesHere:
    """The files of one pretrained model on this machine."""

    name: str
    group: Group  # a key of `ASSETS`, a template of `BASE_WEIGHTS`, or a package of `PACKAGED`
    paths: tuple[Path, ...]  # the files if all are on this machine; else empty
    size: int | None  # in bytes; None if unknown
    url: str = ""  # address of the first file on the hub
    local: tuple[str, ...] = ()  # possible paths in a folder of `MYNA_ASSETS`
    distribution: str = ""  # pip requirement that installs the files
    damaged: str | None = None  # reason why a file is evidently damaged; None if none is

    @property
    def here(self) -> bool:
        return bool(self.paths) and self.damaged is None


def files_here() -> list[FilesHere]:
    """List all pretrained models, in the order of the tables of `myna.assets`."""
    found = [asset_here(name) for name in ASSETS]
    found += [base_weights_here(template) for template in BASE_WEIGHTS]
    return [*found, *(_package_here(package) for package in PACKAGED)]


def vocoder_here() -> bool:
    """Return True if there is a vocoder in the places of `myna.assets.find_vocoder_file`."""
    try:
        find_vocoder_file()
    except AssetError:
        return False
    return True


def asset_here(name: str) -> FilesHere:
    """Search for the asset `name` in the places of `myna.assets.find`, except on the hub."""
    asset = ASSETS[name]
    local = ((folder / file,) for folder in local_folders() for file in asset.local)
    cached = ((path,) for path in _cached(asset.source))
    return _found(name, "asset", [*local, *cached], [asset.source], asset.local)


def base_weights_here(template: str) -> FilesHere:
    """Search for base weights in the places of `myna.assets.find_base_weights`, except on the hub."""
    names = ("G_0.pth", "D_0.pth")
    folders = [*(folder / template for folder in local_folders()), BUNDLED_WEIGHTS / template]
    pairs = [tuple(folder / name for name in names) for folder in folders]
    sources = BASE_WEIGHTS[template]
    for generator, discriminator in sources:
        pairs += zip(_cached(generator), _cached(discriminator), strict=True)
    local = tuple(f"{template}/{name}" for name in names)
    return _found(template, "base", pairs, sources[0] if sources else (), local)


def _package_here(package: str) -> FilesHere:
    known, folder = PACKAGED[package], package_folder(package)
    wanted = [tuple(folder / relative for relative in known.files)] if folder is not None else []
    found = _found(package, "package", wanted, (), ())
    return FilesHere(
        package, "package", found.paths, found.size, distribution=known.distribution, damaged=found.damaged
    )


def _found(
    name: str,
    group: Group,
    candidates: Iterable[tuple[Path, ...]],
    sources: Sequence[Source],
    local: tuple[str, ...],
) -> FilesHere:
    paths = next((paths for paths in candidates if all(path.is_file() for path in paths)), ())
    url, damaged = sources[0].url if sources else "", None
    sizes = [source.size for source in sources]
    known = sum(size for size in sizes if size is not None) if sizes and None not in sizes else None
    try:
        for path in paths:
            check_whole(path)
    except (AssetError, OSError) as error:
        damaged = str(error)
    size = sum(path.stat().st_size for path in paths) if paths else known
    return FilesHere(name, group, paths, size, url, local, damaged=damaged)


def _cached(source: Source) -> list[Path]:
    """Return the possible paths of a file in the hub's cache: at its revision, then at the branch main."""
    from huggingface_hub.constants import HF_HUB_CACHE

    # Importing the hub library's own functions for this takes half a second.
    folder = Path(HF_HUB_CACHE) / "--".join([f"{source.repo_type}s", *source.repo.split("/")])
    found = []
    for revision in (source.revision, "main"):
        reference = folder / "refs" / revision
        commit = reference.read_text("utf-8").strip() if reference.is_file() else revision
        found.append(folder / "snapshots" / commit / source.filename)
    return found
