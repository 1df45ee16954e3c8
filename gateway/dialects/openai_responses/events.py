"""Events, numbered in the order in which they are written."""

import orjson

from gateway.types import JSON


class Events:
    """Collects the events that a chunk makes."""

    __slots__ = ("_number", "_written")

    def __init__(self) -> None:
        self._number = 0
        self._written: list[bytes] = []

    def add(self, name: str, members: JSON) -> None:
        event = {"type": name, "sequence_number": self._number, **members}
        self._number += 1
        self._written.append(
            b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(event))
        )

    def add_delta(self, head: bytes, text: str) -> None:
        """Add an event that is begun already: what is left is its text, and its number."""
        self._written.append(
            b'%b%b,"sequence_number":%d}\n\n' % (head, orjson.dumps(text), self._number)
        )
        self._number += 1

    def taken(self) -> bytes:
        """Return what has been added since the last time."""
        written = self._written
        if len(written) == 1:
            self._written = []
            return written[0]
        self._written = []
        return b"".join(written)


def head_of(name: str, members: JSON) -> bytes:
    """Return an event up to its `delta`."""
    event = orjson.dumps({"type": name, **members})[:-1]
    return b'event: %b\ndata: %b,"delta":' % (name.encode(), event)
