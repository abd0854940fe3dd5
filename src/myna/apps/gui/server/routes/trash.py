"""Deleted items, which can be restored for 30 days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel

from myna.apps.gui.server.context import Studio, StudioOf
from myna.apps.gui.server.errors import not_found
from myna.apps.gui.server.events import Topic
from myna.studio import results, trash
from myna.studio.trash import Trashed
from myna.text import printable

router = APIRouter(tags=["trash"])
# List that contains the items of each kind.
_TOPICS: dict[str, Topic] = {"result": "results", "voice": "voices", "project": "projects", "preset": "presets"}


class TrashedView(BaseModel):
    """Response to a request that deletes an item: POST /trash/{trash_id}/restore undoes the deletion."""

    trash_id: str


class TrashItem(BaseModel):
    """A deleted item."""

    id: str
    kind: str
    name: str
    title: str
    bytes: int
    deleted_at: str
    kept_until: str


@router.get("/trash")
def items(studio: StudioOf) -> list[TrashItem]:
    """List the items that can be restored, the latest first."""
    return [_view(item) for item in trash.contents(studio.workspace)]


@router.post("/trash/{id}/restore")
def restore(id: str, studio: StudioOf) -> TrashItem:
    """Restore an item. If its name is taken, rename or delete the other item first."""
    item = _find(studio, id)
    if item.kind == results.TRASHED:
        results.restore(studio.workspace, item.id)
    else:
        trash.restore(studio.workspace, item.id)
    _changed(studio, item)
    return _view(item)


@router.delete("/trash/{id}", status_code=204)
def delete(id: str, studio: StudioOf) -> None:
    """Delete an item permanently."""
    item = _find(studio, id)
    trash.delete(studio.workspace, item.id)
    studio.changed("trash")


def trashed(studio: Studio, item: Trashed) -> TrashedView:
    """Notify the pages that an item was moved to the trash, and return its id as a response model."""
    _changed(studio, item)
    return TrashedView(trash_id=item.id)


def _find(studio: Studio, id: str) -> Trashed:
    with not_found():
        return trash.find(studio.workspace, id)


def _changed(studio: Studio, item: Trashed) -> None:
    studio.changed("trash")
    if item.kind in _TOPICS:
        studio.changed(_TOPICS[item.kind])


def _view(item: Trashed) -> TrashItem:
    deleted_at = datetime.fromtimestamp(item.deleted_at, UTC)
    return TrashItem(
        id=item.id,
        kind=item.kind,
        name=printable(item.name),
        title=printable(item.title),
        bytes=item.bytes,
        deleted_at=deleted_at.isoformat(),
        kept_until=(deleted_at + timedelta(days=trash.KEPT_DAYS)).isoformat(),
    )
