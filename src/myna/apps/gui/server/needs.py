"""Pretrained files that a voice or its training needs, described for the page, which offers to download them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from myna.apps.gui.texts import complete_texts
from myna.assets import local_folders
from myna.assets.presence import FilesHere

_TITLES = {
    "contentvec": "ContentVec",
    "hubertsoft": "HuBERT-Soft",
    "cnhubertlarge": "Chinese HuBERT large",
    "wavlmbase+": "WavLM Base+",
    "dphubert": "DPHuBERT",
    "rmvpe": "RMVPE",
}


class AssetView(BaseModel):
    """A pretrained file."""

    name: str = Field(description="name for POST /assets/fetch")
    title: str
    bytes: int = Field(description="0 if unknown")
    here: bool
    folder: str = Field(description="folder into which the file can be put by hand")
    url: str
    why: str


def asset_title(found: FilesHere, language: str) -> str:
    """Return the display name of a pretrained file."""
    if found.group == "base":
        return complete_texts(language)["server.needs.base"].format(name=found.name)
    return _TITLES.get(found.name, found.name.replace("-", " ").capitalize())


def asset_view(found: FilesHere, language: str, why: str, *, local: bool) -> AssetView:
    """Describe a pretrained file in a language.

    Args:
        why: key of the text that states the purpose of the file, without the prefix "server.needs.".
        local: whether the visitor is on this computer, and may therefore see its folders.
    """
    known = complete_texts(language)
    folders = [str(folder) for folder in local_folders()] if local else []
    folder = folders[0] if folders else known["server.needs.folder"]
    return AssetView(
        name=found.name,
        title=asset_title(found, language),
        bytes=found.size or 0,
        here=found.here,
        folder=folder,
        url=found.url,
        why=known[f"server.needs.{why}"],
    )
