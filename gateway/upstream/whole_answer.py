"""An answer that comes in one piece, read at once by one small parser."""

import httptools

from gateway.upstream.answer_head import AnswerHeaders, is_small


class WholeAnswer:
    """An answer that is here; it stands where aiohttp has a message without its body."""

    __slots__ = ("body", "code", "headers")

    def __init__(self, code: int, headers: AnswerHeaders, body: bytes) -> None:
        self.code = code
        self.headers = headers
        self.body = body


class WholeReader:
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
        if not is_small(data, len(data) - len(body)):
            return None
        return WholeAnswer(status, AnswerHeaders(self._headers.copy()), body)
