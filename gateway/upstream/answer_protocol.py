"""The reading side of a connection to a provider, quick for answers as they usually come.

Most that are not streamed come in one piece, and streams come in chunks. Either is read by
one small parser, without the queues and buffers that others need. What is neither is left
to aiohttp, as if nobody had looked at it before.
"""

import asyncio
from typing import Any, cast

from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.upstream.chunked_answer import ChunkedAnswer
from gateway.upstream.whole_answer import WholeReader


class AnswerProtocol(ResponseHandler):
    """aiohttp's, which takes an answer in one piece, or in chunks, for what it is."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._is_whole_awaited = False
        self._is_stream_awaited = False
        self._reader: WholeReader | None = None
        # The one that is coming in chunks.
        self._chunked: ChunkedAnswer | None = None

    def expect(self, *, is_stream: bool, has_body: bool) -> None:
        """Make ready for the next answer."""
        self._is_whole_awaited = has_body and not is_stream
        self._is_stream_awaited = has_body and is_stream
        if has_body:
            self._parser = None
        else:
            self._expect_any(has_body=False)

    def data_received(self, data: bytes) -> None:
        if self._chunked is not None:
            self._go_on(self._chunked, data)
        elif self._is_whole_awaited:
            self._is_whole_awaited = False
            self._read_whole(data)
        elif self._is_stream_awaited:
            self._is_stream_awaited = False
            self._begin_stream(data)
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._chunked is not None:
            self._chunked.fail(ClientPayloadError("The answer has no end."))
            self._chunked = None
        super().connection_lost(exc)
        if self._reader is not None:
            self._reader.end()
            self._reader = None

    def _read_whole(self, data: bytes) -> None:
        reader = self._reader or WholeReader()
        answer = reader.read(data)
        if answer is None:
            self._reader = None
            reader.end()
            self._leave_to_aiohttp(data)
            return
        self._reader = reader
        if not reader.keeps_alive:
            self._should_close = True
        self.feed_data((cast(Any, answer), EMPTY_PAYLOAD))

    def _begin_stream(self, data: bytes) -> None:
        answer = ChunkedAnswer(self._loop, self.transport)
        if not answer.begin(data):
            self._leave_to_aiohttp(data)
            return
        told = cast(Any, answer)
        # Until it has ended the connection is of no use for others.
        self._payload = told
        self._note_end(answer)
        self.feed_data((told, told))

    def _go_on(self, answer: ChunkedAnswer, data: bytes) -> None:
        try:
            answer.feed(data)
        except ClientPayloadError as error:
            self._chunked = None
            self._should_close = True
            answer.fail(error)
            if self.transport is not None:
                self.transport.close()
        else:
            self._note_end(answer)

    def _note_end(self, answer: ChunkedAnswer) -> None:
        self._chunked = None if answer.is_eof() else answer
        if not answer.keeps_alive:
            self._should_close = True

    def _leave_to_aiohttp(self, data: bytes) -> None:
        self._expect_any(has_body=True)
        super().data_received(data)

    def _expect_any(self, *, has_body: bool) -> None:
        self.set_response_params(
            skip_payload=not has_body, read_until_eof=True, auto_decompress=False
        )
