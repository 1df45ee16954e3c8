"""An answer that is kept while it is sent."""

from collections.abc import AsyncIterator

import msgspec

from gateway.attempts import Attempt
from gateway.event_streams import EventStream
from gateway.idempotency.kept import MAX_BYTES, Kept
from gateway.idempotency.register import IdempotencyRegister
from gateway.refusals import Refusal
from gateway.replies import EdgeReply
from gateway.upstream.streams import RelayedStream
from usage.idempotent_answers import Claim

# What is of one request alone, and is said anew when the answer is given once more.
_OF_ONE_REQUEST = frozenset(
    {
        b"x-request-id",
        b"x-signalbox-attempts",
        b"x-signalbox-fallback",
        b"x-signalbox-config-version",
        b"x-signalbox-overhead-ms",
        b"x-signalbox-cache",
        b"x-signalbox-cost-usd",
        b"x-signalbox-limits",
        b"content-length",
    }
)
_LIMITS = b"x-ratelimit-"


def kept_of(
    reply: EdgeReply, attempt: Attempt, body: bytes, *, is_stream: bool
) -> Kept | None:
    """Return the reply as it is kept; None when it is too large."""
    if len(body) > MAX_BYTES:
        return None
    saved_usd = attempt.record.saved_usd
    if saved_usd is None:
        saved_usd = attempt.spent_usd
    lines = reply.head.split(b"\r\n")[:-1]
    return Kept(
        status=reply.status,
        head=tuple(line for line in lines if not _is_passing(line)),
        body=body,
        is_stream=is_stream,
        event=msgspec.structs.replace(attempt.record, saved_usd=saved_usd),
    )


class RecordedStream:
    """Passes a stream on, and keeps what it says once it has ended well."""

    def __init__(
        self,
        reply: EdgeReply,
        stream: EventStream,
        attempt: Attempt,
        claim: Claim,
        register: IdempotencyRegister,
    ) -> None:
        self._reply = reply
        self._stream = stream
        self._attempt = attempt
        self._claim = claim
        self._register = register
        self._pieces: list[bytes] | None = []
        self._size = 0
        self._is_over = False

    @property
    def keepalive(self) -> bytes:
        return self._stream.keepalive

    async def events(self) -> AsyncIterator[bytes]:
        async for piece in self._stream.events():
            self._note(piece)
            yield piece
        self._is_over = True
        if self._attempt.status == "ok":
            await self._register.keep(self._claim, self._whole())
        else:
            self._forget()
            await self._register.free(self._claim)

    def break_off(self, refusal: Refusal) -> bytes:
        return self._stream.break_off(refusal)

    def close(self) -> None:
        self._stream.close()
        if self._is_over:
            return
        self._is_over = True
        # A client may go when it has read the last event, before the provider is done.
        if self._attempt.status == "ok" and isinstance(self._stream, RelayedStream):
            self._register.keep_soon(self._claim, self._whole())
        else:
            self._forget()
            self._register.leave(self._claim)

    def _note(self, piece: bytes) -> None:
        if self._pieces is None:
            return
        if self._size + len(piece) <= MAX_BYTES and self._register.make_room(
            len(piece)
        ):
            self._pieces.append(piece)
            self._size += len(piece)
        else:
            self._forget()
            self._pieces = None

    def _forget(self) -> None:
        self._register.give_room(self._size)
        self._size = 0
        if self._pieces:
            self._pieces.clear()

    def _whole(self) -> Kept | None:
        if self._pieces is None:
            return None
        body = b"".join(self._pieces)
        self._forget()
        return kept_of(self._reply, self._attempt, body, is_stream=True)


def _is_passing(line: bytes) -> bool:
    name = line.partition(b":")[0]
    return name in _OF_ONE_REQUEST or name.startswith(_LIMITS)
