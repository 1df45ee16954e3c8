"""A stream on its way to a client that speaks the same protocol."""

import msgspec

from gateway.adapters.anthropic_messages.errors import fault_of
from gateway.adapters.anthropic_messages.finish import finish_reason_of
from gateway.adapters.anthropic_messages.usage import merged, tokens_of
from gateway.adapters.reading import loads, object_of, printable, text_of
from gateway.sse import data_of, split_events
from gateway.types import JSON, StreamNotes
from usage.tokens import Tokens, estimate_tokens

# What an event with a piece of text holds beside the text, and its data alone.
_EVENT_OVERHEAD = 115
_DATA_OVERHEAD = 80

_DELTA = b'"type":"content_block_delta"'


class StreamInspector:
    """Reads a stream just far enough for usage, errors and the end.

    Usage belongs to the protocol, so there is never any to hide. Once content has been
    seen, pieces made of deltas are passed on without being parsed.
    """

    # The protocol has an end of its own; a stream without it was cut.
    complete = False

    __slots__ = (
        "_is_told",
        "_seen",
        "_usage",
        "finish_reason",
        "reported_model",
        "started",
    )

    def __init__(self, *, hide_usage: bool) -> None:
        self.started = False
        self.reported_model = ""
        self.finish_reason = ""
        self._usage: JSON = {}
        self._is_told = False
        self._seen = 0

    @property
    def tokens(self) -> Tokens | None:
        """What has been used so far. The output is a guess until the provider tells it."""
        told = tokens_of(self._usage)
        if told is None or self._is_told or not self._seen:
            return told
        output = max(told.output, estimate_tokens(self._seen))
        return msgspec.structs.replace(told, output=output, estimated=True)

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        if self.started and (deltas := _deltas(piece)):
            self._seen += max(0, len(piece) - deltas * _EVENT_OVERHEAD)
            return StreamNotes(piece)
        forward: list[bytes] = []
        for event in split_events(piece):
            data = data_of(event)
            if data is not None and data != b"[DONE]":
                tree = loads(data)
                kind = tree.get("type")
                if kind == "error" or (kind is None and "error" in tree):
                    return StreamNotes(
                        b"".join(forward), fault=fault_of(tree.get("error"))
                    )
                self._note(kind, tree, len(data))
                if kind == "message_stop":
                    forward.append(event)
                    return StreamNotes(b"".join(forward), is_done=True)
            forward.append(event)
        return StreamNotes(b"".join(forward))

    def _note(self, kind: object, tree: JSON, size: int) -> None:
        """Note what the event says."""
        if kind == "message_start":
            message = object_of(tree.get("message"))
            self.reported_model = printable(message.get("model"))
            self._usage = merged({}, message.get("usage"))
        elif kind == "content_block_start":
            # Text and thinking begin empty; everything else is content by itself.
            block = text_of(object_of(tree.get("content_block")).get("type"))
            self.started = self.started or block not in {"text", "thinking"}
        elif kind == "content_block_delta":
            self.started = True
            self._seen += max(0, size - _DATA_OVERHEAD)
        elif kind == "message_delta":
            self.started = True
            if reason := object_of(tree.get("delta")).get("stop_reason"):
                self.finish_reason = finish_reason_of(reason)
            if "usage" in tree:
                self._usage = merged(self._usage, tree["usage"])
                self._is_told = True


def _deltas(piece: bytes) -> int:
    """Return how many events the piece holds if all are deltas, else 0."""
    events = piece.count(b"\n\n")
    is_plain = (
        events > 0
        and piece.count(_DELTA) == events
        and piece.count(b"\ndata:") + piece.startswith(b"data:") == events
        and b'"type":"error"' not in piece
        and b'"type":"message_' not in piece
    )
    return events if is_plain else 0
