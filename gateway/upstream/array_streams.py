"""Gemini's streams as one JSON array, which is how they come without `?alt=sse`."""

from collections.abc import AsyncIterator
from dataclasses import replace

from gateway.dialects import gemini_generate
from gateway.event_streams import EventStream
from gateway.refusals import Refusal
from gateway.replies import EdgeReply
from gateway.sse import data_of, split_events

_EVENTS = b"content-type: %b\r\n" % gemini_generate.EVENT_STREAM
_JSON = b"content-type: %b\r\n" % gemini_generate.CONTENT_TYPE


def as_array(reply: EdgeReply) -> EdgeReply:
    """Return the same reply with its stream as an array."""
    if reply.stream is None:
        return reply
    head = reply.head.replace(_EVENTS, _JSON, 1)
    return replace(reply, head=head, stream=ArrayStream(reply.stream))


class ArrayStream:
    """Writes the data of each event as an element, an error like any other."""

    __slots__ = ("_began", "_stream")

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._began = False

    @property
    def keepalive(self) -> bytes:
        """White space, which means nothing between two elements."""
        return b"\n"

    async def events(self) -> AsyncIterator[bytes]:
        async for piece in self._stream.events():
            if elements := self._elements(piece):
                yield elements
        yield self._end()

    def break_off(self, refusal: Refusal) -> bytes:
        return self._elements(self._stream.break_off(refusal)) + self._end()

    def close(self) -> None:
        self._stream.close()

    def _elements(self, piece: bytes) -> bytes:
        written = []
        for event in split_events(piece):
            if (data := data_of(event)) is not None:
                written += [b",\n" if self._began else b"[", data]
                self._began = True
        return b"".join(written)

    def _end(self) -> bytes:
        return b"]" if self._began else b"[]"
