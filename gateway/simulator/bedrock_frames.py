"""Amazon's event stream: binary frames, each with two checksums."""

import struct
from binascii import crc32

import orjson

from gateway.simulator.types import JSON

_TEXT = 7


def event(name: str, data: JSON) -> bytes:
    """Return an event as a frame."""
    return _frame({":message-type": "event", ":event-type": name}, data)


def exception(name: str, data: JSON) -> bytes:
    """Return the exception that ends a stream."""
    return _frame({":message-type": "exception", ":exception-type": name}, data)


def _frame(headers: dict[str, str], data: JSON) -> bytes:
    headers[":content-type"] = "application/json"
    head = b"".join(_header(name, value) for name, value in headers.items())
    payload = orjson.dumps(data)
    # Two lengths, a checksum over them, and at the end one over everything.
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    frame = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return frame + struct.pack(">I", crc32(frame))


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    return (
        bytes((len(name_bytes),))
        + name_bytes
        + struct.pack(">BH", _TEXT, len(value_bytes))
        + value_bytes
    )
