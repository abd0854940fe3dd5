"""Name and password of visitors. A correct pair opens a session with a cookie, which lasts until the studio closes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from starlette.requests import HTTPConnection

COOKIE = "myna_session"


@dataclass
class Login:
    """Name and password that open a session, and the open sessions."""

    name: str
    password: str
    _sessions: set[str] = field(default_factory=set)

    def enter(self, name: str, password: str) -> str | None:
        """Open a session and return its token, or return None if the pair is wrong."""
        right = [
            secrets.compare_digest(given.encode(), wanted.encode())
            for given, wanted in ((name, self.name), (password, self.password))
        ]
        if not all(right):
            return None
        token = secrets.token_urlsafe(32)
        self._sessions.add(token)
        return token

    def leave(self, connection: HTTPConnection) -> None:
        """Close the session of a request."""
        self._sessions.discard(_token(connection))

    def allows(self, connection: HTTPConnection) -> bool:
        """Return True if a request or a socket belongs to an open session."""
        return _token(connection) in self._sessions


def _token(connection: HTTPConnection) -> str:
    cookie: SimpleCookie = SimpleCookie(connection.headers.get("cookie", ""))
    return cookie[COOKIE].value if COOKIE in cookie else ""
