"""Pretrained files that a voice or its training needs, as the page offers them for download."""

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


def asset_view(found: FilesHere, language: str, why: str) -> AssetView:
    """Describe a pretrained file in a language.

    Args:
        why: key of the text that says what needs it, after "server.needs.".
    """
    known = complete_texts(language)
    if found.group == "base":
        title = known["server.needs.base"].format(name=found.name)
    else:
        title = _TITLES.get(found.name, found.name.replace("-", " ").capitalize())
    folders = [str(folder) for folder in local_folders()]
    folder = folders[0] if folders else known["server.needs.folder"]
    return AssetView(
        name=found.name,
        title=title,
        bytes=found.size or 0,
        here=found.here,
        folder=folder,
        url=found.url,
        why=known[f"server.needs.{why}"],
    )
