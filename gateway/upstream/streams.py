"""A streamed answer on its way through: passed on, watched, and settled whatever happens."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Protocol

from gateway.attempts import Attempt
from gateway.refusals import Refusal
from gateway.resilience.standing import Running
from gateway.sse import EventCutter, EventTooLarge
from gateway.types import StreamNotes, UpstreamFault, UpstreamReply
from gateway.upstream.errors import UpstreamError, UpstreamUnreadable
from gateway.upstream.faults import classify_hidden
from gateway.upstream.transport import MAX_RESPONSE_BYTES, UpstreamCall
from usage.tokens import Tokens

MAX_EVENT_BYTES = 1024 * 1024

# A token of a streamed answer comes in an event of about this many times its size.
_EVENT_OVERHEAD = 40

# How long a provider that has sent its last event may take to end the response.
_LINGER_S = 0.05


class Inspector(Protocol):
    """What an adapter offers to read a stream of its own protocol."""

    started: bool
    tokens: Tokens | None
    reported_model: str

    @property
    def complete(self) -> bool: ...

    def read(self, piece: bytes) -> StreamNotes: ...


class Cutter(Protocol):
    """Collects bytes and hands on whole frames of a stream."""

    def feed(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


def cutter_for(adapter: ModuleType) -> Cutter:
    """Return what takes a stream of this protocol apart."""
    cutter: Cutter = getattr(adapter, "Cutter", EventCutter)(MAX_EVENT_BYTES)
    return cutter


def tokens_of(inspector: Inspector | None, attempt: Attempt, seen_bytes: int) -> Tokens:
    """Return what a stream has used: as its provider said, else by its length."""
    told = None if inspector is None else inspector.tokens
    return told or attempt.seen_so_far(seen_bytes // _EVENT_OVERHEAD)


class RelayedStream:
    """The events of one answer. Made once its first content has arrived.

    `events` yields bytes, whole events at a time, ending with the dialect's error event
    when the provider does not come to a proper end. Whoever takes the stream calls
    `close` when done with it, read to its end or not: then the attempt is settled and
    the connection given back.
    """

    def __init__(
        self,
        call: UpstreamCall,
        attempt: Attempt,
        inspector: Inspector,
        dialect: ModuleType,
        adapter: ModuleType,
        redact: Callable[[str], str],
        running: Running,
    ) -> None:
        self._call = call
        self._pieces = call.pieces(MAX_RESPONSE_BYTES)
        self._attempt = attempt
        self._running = running
        self._inspector = inspector
        self._dialect = dialect
        self._unreadable: type[Exception] = adapter.Unreadable
        self._redact = redact
        self._cutter = cutter_for(adapter)
        self._held = b""
        self._done = False
        self._bytes_seen = 0
        self._ended: Callable[[int], None] | None = None

    def on_end(self, callback: Callable[[int], None]) -> None:
        """Call back once with the tokens used, when the stream has been settled."""
        self._ended = callback

    async def open(
        self, parse_response: Callable[[bytes], UpstreamReply | UpstreamFault]
    ) -> None:
        """Read up to the first content. Raises `UpstreamError`: nothing was passed on yet."""
        piece = b"?"
        while not self._inspector.started and not self._done and piece:
            piece = await anext(self._pieces, b"")
            notes = self._read(piece)
            if notes.fault is not None:
                raise classify_hidden(
                    notes.fault.code, notes.fault.message, notes.fault.status
                )
            self._held += notes.forward
            self._done = notes.is_done
        if not self._inspector.started:
            raise self._no_stream(parse_response)
        self._call.has_begun()
        self._attempt.mark_first_token()

    async def events(self) -> AsyncIterator[bytes]:
        try:
            if self._held:
                yield self._held
            piece = b"?"
            while not self._done and piece:
                piece = await anext(self._pieces, b"")
                notes = self._read(piece)
                if notes.forward:
                    yield notes.forward
                if notes.fault is not None:
                    code = notes.fault.code or UpstreamError.code
                    self._settle("failed", code)
                    self._running.broke(code)
                    yield self.ending(502, code, self._redact(notes.fault.message))
                    return
                self._done = notes.is_done
            if self._done or self._inspector.complete:
                self._settle("ok")
                self._running.went_well(time.monotonic())
                await self._linger()
            else:
                self._settle("incomplete", UpstreamUnreadable.code)
                self._running.broke(UpstreamUnreadable.code)
                yield self.ending(
                    502, UpstreamUnreadable.code, "The provider broke the answer off."
                )
        except UpstreamError as error:
            self._settle("incomplete", error.code)
            self._running.broke(error.code)
            yield self.ending(error.answered_as, error.code, error.message)

    @property
    def keepalive(self) -> bytes:
        """What keeps a silent stream alive in its dialect; empty where nothing may."""
        kept: bytes = self._dialect.KEEPALIVE
        return kept

    def ending(self, status: int, code: str, message: str) -> bytes:
        """Return the event that tells the client that the answer stays incomplete."""
        event: bytes = self._dialect.build_error_event(status, code, message)
        return event

    def break_off(self, refusal: Refusal) -> bytes:
        """Settle what was seen and return the event that tells the client why."""
        self._leave("incomplete", refusal.code)
        return self.ending(refusal.status_code, refusal.code, refusal.message)

    def close(self) -> None:
        # Still unsettled here only when the client has gone.
        self._leave("cancelled", "client_gone")
        self._call.close()

    def _no_stream(
        self, parse_response: Callable[[bytes], UpstreamReply | UpstreamFault]
    ) -> UpstreamError:
        """Name an answer without content: some providers send plain JSON, mostly errors."""
        msg = "The provider answered without a stream."
        try:
            reply = parse_response(self._held.strip())
        except self._unreadable:
            msg = "The answer ended before it began."
        else:
            if isinstance(reply, UpstreamFault):
                return classify_hidden(reply.code, reply.message)
        return UpstreamUnreadable(msg, status=self._call.status)

    def _read(self, piece: bytes) -> StreamNotes:
        """Read what has come; nothing means that the answer has ended."""
        self._bytes_seen += len(piece)
        cutter = self._cutter
        try:
            events = cutter.feed(piece) if piece else cutter.flush()
            # Only whole events are progress.
            self._call.is_partial = not events
            return self._inspector.read(events)
        except EventTooLarge as error:
            msg = "An event of the answer does not end."
            raise UpstreamUnreadable(msg, status=self._call.status) from error
        except self._unreadable as error:
            raise UpstreamUnreadable(str(error), status=self._call.status) from error

    def _leave(self, status: str, error_code: str) -> None:
        if not self._attempt.settled:
            self._settle(status, error_code)
            self._running.left()

    def _settle(self, status: str, error_code: str = "") -> None:
        if self._attempt.settled:
            return
        tokens = tokens_of(self._inspector, self._attempt, self._bytes_seen)
        self._attempt.settle(
            status,
            tokens,
            http_status=self._call.status,
            error_code=error_code,
            reported_model=self._inspector.reported_model,
            finish_reason=getattr(self._inspector, "finish_reason", ""),
        )
        if self._ended is not None:
            self._ended(tokens.input + tokens.output)

    async def _linger(self) -> None:
        """Wait a moment for the response's end, so that its connection can be used again."""
        try:
            async with asyncio.timeout(_LINGER_S):
                async for _ in self._pieces:
                    pass
        except (UpstreamError, TimeoutError):
            pass
