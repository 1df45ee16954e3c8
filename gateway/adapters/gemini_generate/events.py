"""The events of a stream, each a whole answer that holds only what is new."""

from collections.abc import Iterator

from gateway.adapters.gemini_generate.candidates import is_blocked
from gateway.adapters.gemini_generate.protocol import as_index, has_error, loads
from gateway.adapters.reading import Unreadable, objects_of, text_of
from gateway.sse import data_of, split_events
from gateway.types import JSON


class End:
    """Tracks which candidates have finished: there is no other sign of the end."""

    __slots__ = ("_finished", "_seen")

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    def note(self, tree: JSON) -> None:
        if is_blocked(tree):
            self._seen.add(0)
            self._finished.add(0)
        for candidate in objects_of(tree.get("candidates")):
            index = as_index(candidate.get("index"))
            self._seen.add(index)
            if text_of(candidate.get("finishReason")):
                self._finished.add(index)

    @property
    def complete(self) -> bool:
        return bool(self._finished) and self._seen == self._finished


def trees_of(piece: bytes) -> Iterator[tuple[bytes, JSON | None]]:
    """Yield each event with what it says; None for a terminator that others add.

    Comments say nothing and are left out: Google's clients cannot read them.
    """
    for event in split_events(piece):
        data = data_of(event)
        if data is None:
            # An error may come as it is, without being made an event.
            data = event.strip()
            if data[:1] in {b"{", b"["}:
                yield b"", _bare_error(data)
        elif data == b"[DONE]":
            yield event, None
        else:
            tree = loads(data)
            if type(tree) is not dict:
                msg = "An event of the stream is no JSON object."
                raise Unreadable(msg)
            yield event, tree


def _bare_error(data: bytes) -> JSON:
    tree = loads(data)
    first = tree[0] if type(tree) is list and tree else tree
    if type(first) is dict and has_error(first):
        return first
    msg = "The provider answered without a stream of events."
    raise Unreadable(msg)
