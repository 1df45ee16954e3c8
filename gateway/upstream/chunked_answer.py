"""An answer that comes in chunks, read as it comes by one small parser.

aiohttp queues each chunk, notes where it ends, and looks after each whether to go on, which
is more work than all else that a relayed event needs.
"""

import asyncio

import httptools
from aiohttp import ClientPayloadError

from gateway.upstream.answer_head import AnswerHeaders, is_small

# So much waits to be read before the provider is held up.
_HIGH_WATER_BYTES = 256 * 1024
# So much may come without anything of the body: sizes of chunks, and what follows the last.
_MAX_AROUND_BYTES = 64 * 1024
_CHUNKED = b"\r\ntransfer-encoding: chunked\r\n"


class ChunkedAnswer:
    """One answer; it stands where aiohttp has both a message and its body.

    One task reads it. What came before it broke off is read before the error is raised.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport | None
    ) -> None:
        self.code = 0
        self.headers = AnswerHeaders({})
        # Whether the connection is of use for another answer.
        self.keeps_alive = True
        self._loop = loop
        self._transport = transport
        self._found: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self._waiting_bytes = self._bytes_around = 0
        self._begun = 0
        self._has_head = self._has_ended = self._is_held_up = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        # What the parser calls for each header and each part of the body.
        self.on_header = self._found.__setitem__
        self.on_body = self._pieces.append
        self._parser: httptools.HttpResponseParser | None = None

    def begin(self, data: bytes) -> bool:
        """Read the first bytes; says whether an answer in chunks begins with them.

        If not, this is of no more use.
        """
        head = data.find(b"\r\n\r\n") + 4
        if not is_small(data, head) or _CHUNKED not in data[:head].lower():
            return False
        self._parser = parser = httptools.HttpResponseParser(self)
        # As aiohttp reads answers.
        parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._let_go()
            return False
        self.code = parser.get_status_code()
        if self._begun != 1 or not self._has_head or self.code < 200:
            self._let_go()
            return False
        # What follows the last chunk is not among them.
        self.headers = AnswerHeaders(self._found.copy())
        self._waiting_bytes = len(data)
        if self._has_ended:
            self._let_go()
        return True

    def feed(self, data: bytes) -> None:
        """Read what came next. Raises `ClientPayloadError` for what is no such answer."""
        parser, known = self._parser, len(self._pieces)
        assert parser is not None  # noqa: S101  # There is one until the answer ends.
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.keeps_alive = False
            if not self._has_ended:
                msg = "The answer's chunks cannot be read."
                raise ClientPayloadError(msg) from error
        if len(self._pieces) > known:
            self._bytes_around = 0
            self._waiting_bytes += len(data)
        else:
            self._bytes_around += len(data)
        if self._has_ended:
            self._let_go()
        elif self._bytes_around > _MAX_AROUND_BYTES:
            msg = "The answer goes on without a body."
            raise ClientPayloadError(msg)
        elif self._waiting_bytes > _HIGH_WATER_BYTES:
            self._hold_up()
        self._wake()

    def fail(self, error: Exception) -> None:
        """Tell who reads that no more will come; nothing once the answer has ended."""
        if not self._has_ended:
            self._error = error
            self._let_go()
            self._wake()

    def is_eof(self) -> bool:
        """Say whether all of the answer has come."""
        return self._has_ended

    def at_eof(self) -> bool:
        """Say whether all of the answer has been read."""
        return self._has_ended and not self._pieces

    async def readany(self) -> bytes:
        """Return what is here, as soon as anything is; nothing at the end."""
        pieces = self._pieces
        while not pieces and not self._has_ended:
            if self._error is not None:
                raise self._error
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._waiting_bytes = 0
        if self._is_held_up:
            self._go_on()
        return body

    def on_message_begin(self) -> None:
        self._begun += 1
        if self._begun > 1:
            # Nobody asked for another one.
            self.keeps_alive = False

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_message_complete(self) -> None:
        self._has_ended = True
        if self._parser is not None and not self._parser.should_keep_alive():
            self.keeps_alive = False

    def _wake(self) -> None:
        waiter = self._waiter
        if (
            waiter is not None
            and not waiter.done()
            and (self._pieces or self._has_ended or self._error is not None)
        ):
            waiter.set_result(None)

    def _let_go(self) -> None:
        """Let go of the parser, which holds this in its turn."""
        self._parser = None

    def _hold_up(self) -> None:
        if self._transport is not None and not self._is_held_up:
            self._is_held_up = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        self._is_held_up = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
