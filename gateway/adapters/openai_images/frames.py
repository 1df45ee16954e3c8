"""Events that hold a whole picture, cut from a stream."""

from gateway.sse import EventTooLarge

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST_END = 4
# A large picture in base64, with room to spare.
_MAX_EVENT_BYTES = 30 * 1024 * 1024


class Cutter:
    """Collects bytes and hands on whole events; no byte is searched twice."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, _MAX_EVENT_BYTES)
        self._rest = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Return all events that are complete by now, in one piece; maybe none.

        Raises `EventTooLarge` when an unfinished event has outgrown the limit.
        """
        rest = self._rest
        # The end of an event may have been cut as well.
        begin = max(0, len(rest) - _LONGEST_END)
        rest += data
        end = max(
            (at + len(mark) for mark in _ENDS if (at := rest.rfind(mark, begin)) >= 0),
            default=0,
        )
        whole = bytes(rest[:end])
        del rest[:end]
        if len(rest) > self._limit:
            raise EventTooLarge
        return whole

    def flush(self) -> bytes:
        """Return what came after the last complete event, ended as an event is."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest + b"\n\n" if rest.strip() else rest
