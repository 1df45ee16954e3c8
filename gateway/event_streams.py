"""What a streamed answer is to those who pass it on."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from gateway.refusals import Refusal


class CutOff(Exception):
    """A stream ends in the middle, and nothing in it can say so."""


class EventStream(Protocol):
    """A streamed answer as it is sent; see `gateway.upstream.streams.RelayedStream`."""

    @property
    def keepalive(self) -> bytes: ...

    def events(self) -> AsyncIterator[bytes]:
        """Pass on what comes. Raises `CutOff`."""
        ...

    def break_off(self, refusal: Refusal) -> bytes:
        """Return what tells the client of an end by us. Raises `CutOff`."""
        ...

    def close(self) -> None: ...


class AnswerStream(EventStream, Protocol):
    """One that tells when it has been settled."""

    def on_end(self, callback: Callable[[int], None]) -> None: ...
