"""How a response is written: ASGI's messages, and those of the gateway's own."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.asgi import CUT_RESPONSE, PREPARED_RESPONSE, PREPARED_START


class PreparedCycle(RequestResponseCycle):
    """Takes, besides ASGI's messages, a whole response whose head is known to be valid.

    Uvicorn checks each header of each response against regular expressions, which for
    the gateway's twenty headers is a tenth of a request's time.
    """

    # Of a prepared response whose body is on its way.
    _is_in_pieces = False
    _head = b""

    async def receive(self) -> Any:
        if (
            self.more_body
            or not self.body
            or self.disconnected
            or self.waiting_for_100_continue
        ):
            return await super().receive()
        # All of the body is here, as it nearly always is.
        self.flow.resume_reading()
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if kind == CUT_RESPONSE:
            self._cut()
            return
        if (
            kind != PREPARED_RESPONSE
            and kind != PREPARED_START
            and not self._is_in_pieces
        ):
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected or self.response_complete:
            return
        if self._is_in_pieces:
            self._go_on(message["body"], is_last=not message.get("more_body", False))
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        ending = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        line, head = STATUS_LINE[message["status"]], message["head"]
        if kind == PREPARED_START:
            self._is_in_pieces = True
            self._head = b"".join(
                (line, head, b"transfer-encoding: chunked\r\n", ending)
            )
            asyncio.get_running_loop().call_soon(self._send_head)
            return
        body = b"" if self.scope["method"] == "HEAD" else message["body"]
        self.transport.write(b"".join((line, head, ending, body)))
        self._end()

    def _send_head(self) -> None:
        """Let the head go alone, when no piece has come with it."""
        if self._head and not self.disconnected:
            head, self._head = self._head, b""
            self.transport.write(head)

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        head, self._head = self._head, b""
        piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        self.transport.write(b"".join((head, piece, b"0\r\n\r\n" if is_last else b"")))
        if is_last:
            self._end()

    def _cut(self) -> None:
        """Close the connection, so that the client sees a body without its end."""
        self._send_head()
        self.keep_alive = False
        if not self.disconnected and not self.response_complete:
            self._end()

    def _end(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
