"""The binary frames of an event stream: where they end, and what they carry.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

import binascii
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
from botocore.eventstream import EventStreamBuffer, ParserError

from gateway.adapters.reading import Unreadable, text_of
from gateway.sse import EventTooLarge

# Length of the frame, length of its headers, checksum of the two.
_PRELUDE = struct.Struct(">III")
_CHECKED = 8
_BROKEN = (ParserError, ValueError, KeyError, IndexError, struct.error, OverflowError)


class Frame(msgspec.Struct, frozen=True):
    """`kind` is event, exception or error; `name` is what has happened."""

    kind: str
    name: str
    payload: bytes


class Cutter:
    """Collects bytes and hands on whole frames, however the network cut them."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return all frames that are complete by now, in one piece; maybe none.

        What is no frame is handed on as it is, for the reader to refuse. Raises
        `EventTooLarge` when a frame says that it is longer than the limit.
        """
        data = self._rest + data
        end = 0
        while len(data) - end >= _PRELUDE.size:
            length = _length_at(data, end)
            if length is None:
                end = len(data)
            elif length > self._limit:
                raise EventTooLarge
            elif end + length > len(data):
                break
            else:
                end += length
        self._rest = data[end:]
        return data[:end]

    def flush(self) -> bytes:
        """Return what came after the last complete frame."""
        rest, self._rest = self._rest, b""
        return rest


def _length_at(data: bytes, start: int) -> int | None:
    """Return the length of the frame that begins here, None when none does."""
    length, _, checksum = _PRELUDE.unpack_from(data, start)
    checked = binascii.crc32(data[start : start + _CHECKED]) & 0xFFFFFFFF
    # The shortest frame has a prelude and a checksum of its own.
    if checked != checksum or length < _PRELUDE.size + 4:
        return None
    return int(length)


def frames_in(piece: bytes) -> Iterator[Frame]:
    """Yield whole frames. Raises `Unreadable` for what is none."""
    buffer: Any = EventStreamBuffer()
    buffer.add_data(piece)
    read = 0
    try:
        for message in buffer:
            read += message.prelude.total_length
            yield _frame(message)
    except _BROKEN as error:
        msg = "The stream holds something that is no event."
        raise Unreadable(msg) from error
    if read != len(piece):
        msg = "The stream was cut off within an event."
        raise Unreadable(msg)


def _frame(message: Any) -> Frame:
    headers = message.headers
    kind = text_of(headers.get(":message-type")) or "event"
    named_by = {"exception": ":exception-type", "error": ":error-code"}
    name = text_of(headers.get(named_by.get(kind, ":event-type")))
    if kind == "error":
        told = text_of(headers.get(":error-message"))
        return Frame(kind, name, told.encode("utf-8", "replace"))
    return Frame(kind, name, message.payload)
