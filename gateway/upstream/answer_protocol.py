"""The reading side of a connection to a provider, quick where an answer comes in one piece.

Most answers that are not streamed do. Such a piece is read by one small parser, without the
queues and buffers that others need. What is not an answer from its first byte to its last
is left to aiohttp, as if nobody had looked at it before.
"""

import asyncio
from typing import Any, cast

import httptools
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import EMPTY_PAYLOAD

# What aiohttp allows.
_MAX_HEAD_BYTES = 8_190
_MAX_HEADERS = 128


class WholeAnswer:
    """An answer that is here; it stands where aiohttp has a message without its body."""

    __slots__ = ("body", "code", "headers")

    def __init__(self, code: int, headers: "WholeHeaders", body: bytes) -> None:
        self.code = code
        self.headers = headers
        self.body = body


class WholeHeaders:
    """Headers that hardly anybody asks for."""

    __slots__ = ("_by_name", "_found")

    def __init__(self, found: dict[bytes, bytes]) -> None:
        self._found = found
        self._by_name: dict[str, str] | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of a header, however its name is written."""
        if self._by_name is None:
            self._by_name = {
                known.decode("latin-1").lower(): value.decode(
                    "utf-8", "surrogateescape"
                )
                for known, value in self._found.items()
            }
        return self._by_name.get(name.lower(), default)


class AnswerProtocol(ResponseHandler):
    """aiohttp's, which takes a whole answer in one piece for what it is."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._is_whole_awaited = False
        self._reader: _Reader | None = None

    def expect(self, *, is_stream: bool, has_body: bool) -> None:
        """Make ready for the next answer."""
        if is_stream or not has_body:
            self._expect_any(has_body=has_body)
        else:
            self._parser = None
            self._is_whole_awaited = True

    def data_received(self, data: bytes) -> None:
        if not self._is_whole_awaited:
            super().data_received(data)
            return
        self._is_whole_awaited = False
        reader = self._reader or _Reader()
        answer = reader.read(data)
        if answer is None:
            self._reader = None
            reader.end()
            self._expect_any(has_body=True)
            super().data_received(data)
            return
        self._reader = reader
        if not reader.keeps_alive:
            self._should_close = True
        self.feed_data((cast(Any, answer), EMPTY_PAYLOAD))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._reader is not None:
            self._reader.end()
            self._reader = None

    def _expect_any(self, *, has_body: bool) -> None:
        self._is_whole_awaited = False
        self.set_response_params(
            skip_payload=not has_body, read_until_eof=True, auto_decompress=False
        )


class _Reader:
    """Reads the answers of one connection, as long as each is in one piece."""

    def __init__(self) -> None:
        self.keeps_alive = False
        self._begun = self._ended = 0
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        # What the parser calls for each header and each part of the body.
        self.on_header = self._headers.__setitem__
        self.on_body = self._body.append
        self._parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_message_complete(self) -> None:
        self._ended += 1
        self.keeps_alive = self._parser.should_keep_alive()

    def end(self) -> None:
        """Let go of the parser, which holds the reader in its turn."""
        del self._parser

    def read(self, data: bytes) -> WholeAnswer | None:
        """Return the answer, or None for what is not just one, and all of it.

        After that the reader is of no more use.
        """
        self._begun = self._ended = 0
        self._headers.clear()
        self._body.clear()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        status = self._parser.get_status_code()
        if self._begun != 1 or self._ended != 1 or status < 200:
            return None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        # What is around chunks is counted with it, which does no harm.
        head = len(data) - len(body)
        if head > _MAX_HEAD_BYTES or data.count(b"\n", 0, head) > _MAX_HEADERS:
            return None
        return WholeAnswer(status, WholeHeaders(self._headers.copy()), body)
