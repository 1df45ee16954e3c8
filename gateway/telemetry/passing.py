"""A trace that a caller is in, handed on to providers as it came.

This is all there is of traces where no collector is configured. W3C's Trace Context says
what the headers look like.
"""

import re
from collections.abc import Mapping
from typing import Protocol

from usage.records import EventRecord, Settlement

TRACEPARENT = b"traceparent"
TRACESTATE = b"tracestate"

_PARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_MAX_STATE_BYTES = 512


class AttemptTrace(Protocol):
    """One call to a provider, as its trace sees it."""

    # Header lines for the provider, each ended by CR LF.
    head: bytes

    def settled(self, settlement: Settlement) -> None: ...


class Trace(Protocol):
    """What a request belongs to. The id is empty where none is told to anybody."""

    trace_id: str

    def attempt(self, record: EventRecord) -> AttemptTrace: ...


class PassedTrace:
    """The caller's own trace, in which we leave no span."""

    __slots__ = ("head", "trace_id")

    def __init__(self, head: bytes, trace_id: str) -> None:
        self.head = head
        self.trace_id = trace_id

    def attempt(self, record: EventRecord) -> AttemptTrace:
        return self

    def settled(self, settlement: Settlement) -> None:
        """There is nobody to tell."""


def passed_trace(headers: Mapping[bytes, bytes]) -> PassedTrace | None:
    """Return the trace that the headers name; None for none, or one that is malformed."""
    parent = headers.get(TRACEPARENT, b"")
    if (found := _PARENT.fullmatch(parent)) is None:
        return None
    return PassedTrace(head_of(parent, headers.get(TRACESTATE, b"")), found[1].decode())


def head_of(parent: bytes, state: bytes = b"") -> bytes:
    """Return the header lines of a place in a trace."""
    head = b"traceparent: %b\r\n" % parent
    if state and len(state) <= _MAX_STATE_BYTES:
        head += b"tracestate: %b\r\n" % state
    return head
