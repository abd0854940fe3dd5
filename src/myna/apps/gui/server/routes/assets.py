"""Pretrained files: those that are needed and missing, and their download."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query

from myna.apps.actions.needs import encoder_asset, training_needs
from myna.apps.gui.server.context import JobView, Language, StudioOf
from myna.apps.gui.server.needs import AssetView, asset_view
from myna.apps.gui.server.voice_jobs import FETCH, FetchRequest
from myna.assets.presence import FilesHere, asset_here, files_here
from myna.studio import project as projects

router = APIRouter(tags=["assets"])


@router.get("/assets")
def assets(
    language: Language,
    studio: StudioOf,
    voice: Annotated[str | None, Query(description="only the files that conversion with this voice needs")] = None,
    project: Annotated[str | None, Query(description="only the files that this voice in training needs")] = None,
) -> list[AssetView]:
    """List the pretrained files that can be downloaded: all, or those that a voice or its training needs."""
    if voice is not None:
        return needs_of(studio.reader.read(studio.voices.find(voice)).content_encoder, language, local=studio.local)
    if project is not None:
        found = projects.find(studio.workspace, project)
        status = found.status()
        if status.config is None:
            return []
        needs = training_needs(status.config, trained=bool(status.checkpoints))
        return _views((*needs.prepare, *needs.train), language, "train", local=studio.local)
    return _views((one for one in files_here() if one.url), language, "any", local=studio.local)


@router.post("/assets/fetch", status_code=202)
def fetch(sent: FetchRequest, studio: StudioOf) -> JobView:
    """Download a pretrained file. An interrupted download is resumed.

    While the job runs, its facts are `bytes`, `total` (null if unknown) and `speed` in bytes per second.
    """
    return studio.submit(FETCH, sent)


def needs_of(encoder: str | None, language: str, *, local: bool) -> list[AssetView]:
    """Return the pretrained files for conversion with this content encoder; bundled files are left out."""
    name = encoder_asset(encoder) if encoder is not None else None
    return _views([asset_here(name)] if name is not None else [], language, "voice", local=local)


def _views(found: Iterable[FilesHere], language: str, why: str, *, local: bool) -> list[AssetView]:
    return [asset_view(one, language, why, local=local) for one in found]
