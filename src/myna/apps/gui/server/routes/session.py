"""Session, login, texts and the events' socket: the resources that the page loads first."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib.metadata import version

from fastapi import APIRouter, HTTPException, Request, Response, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from myna.apps.gui import texts as page_texts
from myna.apps.gui.server.context import StudioOf
from myna.apps.gui.server.description import errors
from myna.apps.gui.server.login import COOKIE, Login
from myna.apps.gui.server.requests import Body

router = APIRouter(tags=["session"])


class DeviceView(BaseModel):
    name: str
    reason: str


class LimitsView(BaseModel):
    file_bytes: int


class SessionView(BaseModel):
    version: str
    languages: list[str]
    local: bool
    auth: bool
    folder: str | None
    device: DeviceView | None
    limits: LimitsView
    server_id: str


class LoginRequest(Body):
    name: str
    password: str


@router.get("/session")
def session(request: Request, studio: StudioOf) -> SessionView:
    """Describe this studio. `device` is null until it is known, some seconds after the first visit."""
    return SessionView(
        version=version("myna"),
        languages=list(page_texts.LANGUAGES),
        local=studio.local,
        auth=request.app.state.login is not None,
        folder=str(studio.workspace.folder) if studio.local else None,
        device=None if studio.device is None else DeviceView(name=studio.device.name, reason=studio.device.reason),
        limits=LimitsView(file_bytes=request.app.state.limits.file),
        server_id=studio.server_id,
    )


@router.post("/login", status_code=204, responses=errors(429))
def login(sent: LoginRequest, request: Request, response: Response) -> None:
    """Open a session with the name and the password of this studio; the answer sets a cookie."""
    known: Login | None = request.app.state.login
    if known is None:
        return
    token = known.enter(sent.name, sent.password)
    if token is None:
        raise HTTPException(401, "wrong name or password")
    secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/")


@router.post("/logout", status_code=204)
def logout(request: Request, response: Response) -> None:
    """Close the session."""
    known: Login | None = request.app.state.login
    if known is not None:
        known.leave(request)
    response.delete_cookie(COOKIE, path="/")


@router.get("/texts/{language}")
def texts(language: str) -> dict[str, str]:
    """Return the texts of the page in a language; missing texts are English."""
    if language not in page_texts.LANGUAGES:
        raise HTTPException(404, f"no language {language}; there are: {', '.join(page_texts.LANGUAGES)}")
    return page_texts.complete_texts(language)


@router.websocket("/events")
async def events(socket: WebSocket, studio: StudioOf) -> None:
    """Send events as JSON until the page closes the socket; see docs/studio.md."""
    await socket.accept()
    await socket.send_json({"type": "hello", "server_id": studio.server_id})
    studio.prepare_lanes()

    async def forward() -> None:
        async for event in studio.events.listen():
            await socket.send_text(event)

    sending = asyncio.ensure_future(forward())
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass  # pages send nothing
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError, RuntimeError, WebSocketDisconnect):
            await sending
