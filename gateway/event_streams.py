"""What a streamed answer is to those who pass it on."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from gateway.refusals import Refusal


class EventStream(Protocol):
    """A streamed answer as it is sent; see `gateway.upstream.streams.RelayedStream`."""

    @property
    def keepalive(self) -> bytes: ...

    def events(self) -> AsyncIterator[bytes]: ...

    def break_off(self, refusal: Refusal) -> bytes: ...

    def close(self) -> None: ...


class AnswerStream(EventStream, Protocol):
    """One that tells when it has been settled."""

    def on_end(self, callback: Callable[[int], None]) -> None: ...
