"""A stream that is passed on as it comes, read for usage, errors and the end."""

from gateway.adapters.gemini_generate.candidates import ending_of, is_blocked, raw_parts
from gateway.adapters.gemini_generate.errors import fault_of
from gateway.adapters.gemini_generate.events import End, trees_of
from gateway.adapters.gemini_generate.protocol import has_error
from gateway.adapters.gemini_generate.tokens import tokens_of
from gateway.adapters.reading import objects_of, printable, text_of
from gateway.types import JSON, StreamNotes
from usage.tokens import Tokens


class StreamInspector:
    """Reads events and hands them on untouched.

    Usage stays in whatever is wished: it is part of every event of this protocol.
    """

    __slots__ = ("_end", "finish_reason", "reported_model", "started", "tokens")

    def __init__(self, *, hide_usage: bool) -> None:
        self._end = End()
        self.started = False
        self.tokens: Tokens | None = None
        self.reported_model = ""
        self.finish_reason = ""

    @property
    def complete(self) -> bool:
        """Whether the body may end here: there is no terminator."""
        return self._end.complete

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        forward: list[bytes] = []
        for event, tree in trees_of(piece):
            if tree is None:
                return StreamNotes(b"".join(forward), is_done=True)
            if has_error(tree):
                fault = fault_of(tree["error"])
                return StreamNotes(b"".join(forward), fault=fault)
            self._note(tree)
            forward.append(event)
        return StreamNotes(b"".join(forward))

    def _note(self, tree: JSON) -> None:
        self._end.note(tree)
        self.finish_reason = ending_of(tree) or self.finish_reason
        self.started = self.started or _has_content(tree)
        self.tokens = tokens_of(tree.get("usageMetadata")) or self.tokens
        if not self.reported_model:
            self.reported_model = printable(text_of(tree.get("modelVersion")))


def _has_content(tree: JSON) -> bool:
    return is_blocked(tree) or any(
        candidate.get("finishReason")
        or any(part.get("text") != "" for part in raw_parts(candidate))
        for candidate in objects_of(tree.get("candidates"))
    )
