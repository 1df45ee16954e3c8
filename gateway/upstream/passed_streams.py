"""A provider's stream on its way through as it is."""

import time
from collections.abc import AsyncIterator, Callable

from gateway.attempts import Attempt
from gateway.event_streams import CutOff
from gateway.protocols import ADAPTERS
from gateway.refusals import Refusal
from gateway.resilience.standing import Running
from gateway.sse import EventTooLarge
from gateway.upstream.errors import UpstreamError, UpstreamUnreadable
from gateway.upstream.streams import Inspector, cutter_for, tokens_of
from gateway.upstream.targets import Target
from gateway.upstream.transport import MAX_RESPONSE_BYTES, UpstreamCall


class PassedStream:
    """A provider's stream, byte for byte, read along the way for what it uses."""

    # Nothing is put into another's stream.
    keepalive = b""

    def __init__(
        self, call: UpstreamCall, target: Target, attempt: Attempt, running: Running
    ) -> None:
        adapter = ADAPTERS[target.handler]
        self._call = call
        self._attempt = attempt
        self._running = running
        self._ended: Callable[[int], None] | None = None
        self._unreadable: type[Exception] = adapter.Unreadable
        # None once the stream turned out to be none of its protocol.
        self._inspector: Inspector | None = adapter.StreamInspector(hide_usage=False)
        self._cutter = cutter_for(adapter)
        self._bytes_seen = 0
        self._is_done = False
        self._fault = ""

    def on_end(self, callback: Callable[[int], None]) -> None:
        """Call back once with the tokens used, when the stream has been settled."""
        self._ended = callback

    async def events(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._call.pieces(MAX_RESPONSE_BYTES):
                self._bytes_seen += len(piece)
                self._read(piece)
                yield piece
        except UpstreamError as error:
            self._broke("incomplete", error.code)
            raise CutOff from error
        inspector = self._inspector
        if self._fault:
            self._broke("failed", self._fault)
        elif inspector is None or self._is_done or inspector.complete:
            self._settle("ok")
            self._running.went_well(time.monotonic())
        else:
            self._broke("incomplete", UpstreamUnreadable.code)

    def break_off(self, refusal: Refusal) -> bytes:
        self._leave("incomplete", refusal.code)
        raise CutOff

    def close(self) -> None:
        self._leave("cancelled", "client_gone")
        self._call.close()

    def _read(self, piece: bytes) -> None:
        """Read along; what cannot be read is passed on all the same."""
        if self._inspector is None:
            return
        try:
            if events := self._cutter.feed(piece):
                notes = self._inspector.read(events)
                self._is_done |= notes.is_done
                if notes.fault is not None:
                    self._fault = notes.fault.code or UpstreamError.code
        except (EventTooLarge, self._unreadable):
            self._inspector = None

    def _broke(self, status: str, error_code: str) -> None:
        self._settle(status, error_code)
        self._running.broke(error_code)

    def _leave(self, status: str, error_code: str) -> None:
        if not self._attempt.settled:
            self._settle(status, error_code)
            self._running.left()

    def _settle(self, status: str, error_code: str = "") -> None:
        tokens = tokens_of(self._inspector, self._attempt, self._bytes_seen)
        self._attempt.settle(
            status,
            tokens,
            http_status=self._call.status,
            error_code=error_code,
            reported_model=self._inspector.reported_model if self._inspector else "",
        )
        if self._ended is not None:
            self._ended(tokens.input + tokens.output)
