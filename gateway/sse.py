"""Server-sent events as bytes: where they end, and what they carry."""

# A line ends with LF, CRLF or CR, and the blank one after it likewise.
_ENDS = (b"\n\n", b"\n\r\n", b"\r\r\n", b"\r\r")


class EventTooLarge(Exception):
    """An event that does not end."""


class EventCutter:
    """Collects bytes and hands on whole events, however the network cut them."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return all events that are complete by now, in one piece; maybe none.

        Raises `EventTooLarge` when an unfinished event has outgrown the limit.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if data.endswith(b"\n\n"):
            return data
        end = max(
            (at + len(mark) for mark in _ENDS if (at := data.rfind(mark)) >= 0),
            default=0,
        )
        self._rest = data[end:]
        if len(self._rest) > self._limit:
            raise EventTooLarge
        return data[:end]

    def flush(self) -> bytes:
        """Return what came after the last complete event, ended as an event is."""
        rest, self._rest = self._rest, b""
        return rest + b"\n\n" if rest.strip() else rest


def split_events(piece: bytes) -> list[bytes]:
    """Return the events of a piece, each with the blank line that ends it.

    Joined they are the piece again, byte for byte.
    """
    events: list[bytes] = []
    start = position = 0
    for line in piece.splitlines(keepends=True):
        position += len(line)
        if line in {b"\n", b"\r\n", b"\r"}:
            events.append(piece[start:position])
            start = position
    if start < len(piece):
        events.append(piece[start:])
    return events


def first_end(piece: bytes) -> int:
    """Return where the first event of a piece ends."""
    end = piece.find(b"\n\n") + 2
    if end > 1 and b"\r" not in piece[:end]:
        return end
    return len(split_events(piece)[0])


def data_of(event: bytes) -> bytes | None:
    """Return the data of an event; None for a comment or an empty event."""
    parts = [
        line[5:].removeprefix(b" ")
        for line in event.removeprefix(b"\xef\xbb\xbf").splitlines()
        if line.startswith(b"data:")
    ]
    return b"\n".join(parts).strip() or None
