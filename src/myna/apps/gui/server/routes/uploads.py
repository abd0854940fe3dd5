"""Files that pages send."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel

from myna.apps.gui.guard import size_text
from myna.apps.gui.server.context import StudioOf
from myna.apps.gui.server.description import FILE_BODY, file_of

router = APIRouter(tags=["uploads"])


class UploadView(BaseModel):
    id: str
    name: str
    bytes: int


@router.post("/uploads", openapi_extra=FILE_BODY)
async def upload(
    name: Annotated[str, Query(min_length=1, max_length=255)], request: Request, studio: StudioOf
) -> UploadView:
    """Store the body of the request as a file named `name`. The file is kept for a day after its last use."""
    limit: int = request.app.state.limits.file
    reserved = await asyncio.to_thread(studio.uploads.reserve, name)
    size = 0
    try:
        with reserved.path.open("xb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise HTTPException(413, f"a file may have {size_text(limit)} at most")
                await asyncio.to_thread(file.write, chunk)
    except BaseException:
        studio.uploads.delete(reserved.id)
        raise
    return UploadView(id=reserved.id, name=reserved.name, bytes=size)


@router.get("/uploads/{id}/audio", response_class=FileResponse, responses=file_of("*/*"))
def audio(id: str, studio: StudioOf) -> FileResponse:
    """Return an uploaded file."""
    found = studio.uploads.find(id)
    return FileResponse(found.path, filename=found.name, content_disposition_type="inline")


@router.delete("/uploads/{id}", status_code=204)
def delete(id: str, studio: StudioOf) -> None:
    """Delete an uploaded file."""
    studio.uploads.delete(id)
