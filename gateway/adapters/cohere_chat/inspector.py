"""A stream on its way to a client that speaks the same protocol."""

from gateway.adapters.cohere_chat.content import breakdown_of, finish_reason_of
from gateway.adapters.cohere_chat.errors import fault_of
from gateway.adapters.cohere_chat.usage import tokens_of
from gateway.adapters.cohere_chat.wire import object_of
from gateway.adapters.reading import loads, text_of
from gateway.sse import data_of, split_events
from gateway.types import JSON, StreamNotes
from usage.tokens import Tokens

_DELTA = b'"type":"content-delta"'
_CONTENT = frozenset({"content-delta", "tool-plan-delta", "tool-call-start"})


class StreamInspector:
    """Reads a stream just far enough for usage, errors and the end.

    Usage belongs to the protocol, so there is never any to hide. Once content has been
    seen, pieces made of deltas are passed on without being parsed.
    """

    # The protocol has an end of its own; a stream without it was cut.
    complete = False
    # No event names the model.
    reported_model = ""

    __slots__ = ("finish_reason", "started", "tokens")

    def __init__(self, *, hide_usage: bool) -> None:
        self.started = False
        self.tokens: Tokens | None = None
        self.finish_reason = ""

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        if self.started and _is_plain(piece):
            return StreamNotes(piece)
        forward: list[bytes] = []
        is_done = False
        for event in split_events(piece):
            data = data_of(event)
            if data is not None and data != b"[DONE]":
                tree = loads(data, "An event of the stream")
                kind = tree.get("type")
                if kind == "error" or (
                    kind is None and {"message", "error"} & tree.keys()
                ):
                    return StreamNotes(b"".join(forward), fault=fault_of(tree))
                if kind == "message-end":
                    ending = object_of(tree.get("delta"))
                    self.tokens = tokens_of(ending.get("usage"))
                    if (fault := breakdown_of(ending)) is not None:
                        return StreamNotes(b"".join(forward), fault=fault)
                    self.finish_reason = finish_reason_of(
                        ending.get("finish_reason"), has_calls=False
                    )
                    self.started = is_done = True
                else:
                    self.started = self.started or _has_content(kind, tree)
            forward.append(event)
        return StreamNotes(b"".join(forward), is_done=is_done)


def _has_content(kind: object, tree: JSON) -> bool:
    """Say whether the event holds more than the announcement of what will come."""
    if kind == "content-start":
        message = object_of(object_of(tree.get("delta")).get("message"))
        content = object_of(message.get("content"))
        return bool(text_of(content.get("text")) or text_of(content.get("thinking")))
    return type(kind) is str and kind in _CONTENT


def _is_plain(piece: bytes) -> bool:
    """Say whether every event of the piece is a piece of content."""
    events = piece.count(b"\n\n")
    return (
        events > 0
        and piece.count(_DELTA) == events
        and piece.count(b"\ndata:") + piece.startswith(b"data:") == events
        and b'"type":"message-end"' not in piece
        and b'"type":"error"' not in piece
    )
