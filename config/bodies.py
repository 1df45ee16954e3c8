"""Bodies of what Django answers: bounded while they come in, for it keeps them whole."""

import json
from typing import Any

from uuid_utils import uuid7

from gateway.asgi import Message, Receive, Scope, Send
from gateway.control.parsing import MAX_BUNDLE_BYTES, MAX_JSON_BYTES

# The largest form is the import of keys; Django takes 2.5 MB of fields itself.
MAX_FORM_BYTES = 3 * 1024 * 1024

_CONTROL = "/api/control/"
_LIMITS: tuple[tuple[str, int], ...] = (
    (f"{_CONTROL}v1/bundle", MAX_BUNDLE_BYTES),
    ("/api/", MAX_JSON_BYTES),
    ("/", MAX_FORM_BYTES),
)
_GONE: Message = {"type": "http.disconnect"}


class CappedBodies:
    """Django's ASGI application behind a bound on bodies, which is that of the route."""

    def __init__(self, django: Any) -> None:
        self._django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, _limit_for(scope["path"]))
        if not body.is_announced_too_large(scope["headers"]):
            await self._django(scope, body.receive, send)
        if body.is_too_large:
            await _refuse(scope["path"], body.limit, send)


class _Body:
    """Counts what comes in; Django takes a body beyond the bound for a client gone."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.limit = limit
        self.is_too_large = False
        self._receive = receive
        self._bytes = 0

    def is_announced_too_large(self, headers: list[tuple[bytes, bytes]]) -> bool:
        length = dict(headers).get(b"content-length", b"")
        self.is_too_large = length.isdigit() and int(length) > self.limit
        return self.is_too_large

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self.limit:
            self.is_too_large = True
            return _GONE
        return message


def _limit_for(path: str) -> int:
    return next((most for prefix, most in _LIMITS if path.startswith(prefix)), 0)


async def _refuse(path: str, limit: int, send: Send) -> None:
    message = f"The body may hold {limit:,} bytes here."
    content_type, body = _refusal(path, message)
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"private, no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _refusal(path: str, message: str) -> tuple[bytes, bytes]:
    """Return the refusal in the shape of the route."""
    told: dict[str, Any] = {"code": "request_too_large", "message": message}
    if path.startswith(_CONTROL):
        shown: dict[str, Any] = {"error": {**told, "fields": {}}}
    elif path.startswith("/api/"):
        shown = {"success": False, "requestId": str(uuid7()), "error": told}
    else:
        return b"text/plain; charset=utf-8", message.encode()
    return b"application/json", json.dumps(shown).encode()
