"""Noting what a request said, and what it was answered, where its project wants it kept."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from gateway.event_streams import EventStream
from gateway.refusals import Refusal
from gateway.replies import EdgeReply
from gateway.views.edge_request import EdgeRequest
from usage.captures import MAX_TEXT_BYTES, Capture

_USER = b"x-signalbox-user"


async def captured(
    handler: Callable[..., Awaitable[EdgeReply]], request: EdgeRequest, **kwargs: Any
) -> EdgeReply:
    """Answer the request, and keep both, if it is one that a model answers."""
    reply = await handler(request, **kwargs)
    if reply.attempt is None:
        return reply
    if reply.stream is None:
        _keep(request, reply, reply.body)
    else:
        reply.stream = _CapturedStream(request, reply, reply.stream)
    return reply


def _keep(request: EdgeRequest, reply: EdgeReply, answer: bytes) -> None:
    project = request.key.project
    request.gateway.captures.keep(
        Capture(
            project_id=project.id,
            request_id=request.request_id,
            end_user=_end_user(request, reply),
            path=request.path,
            status=reply.status,
            occurred_at=datetime.now(UTC),
            keep_days=project.capture_retention_days,
            patterns=project.capture_redactions,
            request=request.content[: MAX_TEXT_BYTES + 1],
            answer=answer[: MAX_TEXT_BYTES + 1],
        )
    )


def _end_user(request: EdgeRequest, reply: EdgeReply) -> str:
    """Return whom it is for, be that said by a header or in the body."""
    if reply.attempt is not None:
        return reply.attempt.record.end_user
    return request.edge_headers.get(_USER, b"").decode("latin-1")


class _CapturedStream:
    """Passes a stream on, and keeps what it said, however it ends."""

    def __init__(
        self, request: EdgeRequest, reply: EdgeReply, stream: EventStream
    ) -> None:
        self._request = request
        self._reply = reply
        self._stream = stream
        self._said = bytearray()
        self._is_kept = False

    @property
    def keepalive(self) -> bytes:
        return self._stream.keepalive

    async def events(self) -> AsyncIterator[bytes]:
        async for piece in self._stream.events():
            self._note(piece)
            yield piece

    def break_off(self, refusal: Refusal) -> bytes:
        ending = self._stream.break_off(refusal)
        self._note(ending)
        return ending

    def close(self) -> None:
        self._stream.close()
        if not self._is_kept:
            self._is_kept = True
            _keep(self._request, self._reply, bytes(self._said))

    def _note(self, piece: bytes) -> None:
        if len(self._said) <= MAX_TEXT_BYTES:
            self._said += piece
