"""One HTTP request and its answer, with the connection below at hand."""

import asyncio
import itertools
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn

from gateway.simulator.types import Head, Headers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON_TYPE = b"application/json"
TRANSPORT = "simulator.transport"

_request_ids = itertools.count(1)


class ClientGone(Exception):
    """The client closed the connection before the answer was complete."""


class Broken(Exception):
    """A fault ended the connection."""


class Exchange:
    """Reads the request and writes the answer; notices when the client leaves."""

    __slots__ = ("_leaving", "_receive", "_send", "head", "id_header", "transport")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.head = Head(
            headers=scope["headers"],
            query=scope["query_string"],
            request_id=f"req_sim_{next(_request_ids)}",
        )
        self.id_header = b"x-request-id"
        self.transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
        self._receive = receive
        self._send = send
        self._leaving: asyncio.Future[MutableMapping[str, Any]] | None = None

    async def read(self) -> bytes:
        """Return the whole body."""
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body
        parts = [body]
        while message.get("more_body"):
            message = await self._receive()
            parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect":
            raise ClientGone
        return b"".join(parts)

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than the client does."""
        if seconds <= 0:
            return
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._receive())
        left, _ = await asyncio.wait((self._leaving,), timeout=seconds)
        if left:
            raise ClientGone

    async def wait_for_ever(self) -> NoReturn:
        while True:
            await self.pause(3600)

    async def reply(
        self, status: int, body: bytes, headers: Headers = (), kind: bytes = JSON_TYPE
    ) -> None:
        """Send a whole answer."""
        length = (b"content-length", b"%d" % len(body))
        await self._start(status, [(b"content-type", kind), length, *headers])
        await self._send({"type": "http.response.body", "body": body})

    async def begin(self, status: int, headers: Headers = ()) -> None:
        """Send the head of an answer of unknown length."""
        await self._start(status, list(headers))

    async def write(self, data: bytes) -> None:
        """Send a part of the body by itself, in one chunk."""
        if self.transport.is_closing():
            raise ClientGone
        message = {"type": "http.response.body", "body": data, "more_body": True}
        await self._send(message)
        # What is written in one turn of the loop would leave in one packet.
        await asyncio.sleep(0)

    async def finish(self) -> None:
        if self.transport.is_closing():
            raise ClientGone
        await self._send({"type": "http.response.body", "body": b""})

    async def cut(self) -> NoReturn:
        """Close the connection without ending the body."""
        self.transport.close()
        await self._end()

    async def reset(self) -> NoReturn:
        """Close the connection with a reset instead of a proper end."""
        handle = self.transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(handle.fileno())) as copy:
            linger = struct.pack("ii", 1, 0)
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()
        await self._end()

    async def has_left(self) -> None:
        """Wait until the server has noticed, too, that the connection is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _end(self) -> NoReturn:
        await self.has_left()
        raise Broken

    def raw(self, data: bytes) -> None:
        """Write to the connection below HTTP."""
        self.transport.write(data)

    def close(self) -> None:
        """Forget the client; the exchange is over."""
        if self._leaving is not None:
            self._leaving.cancel()

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        if self.transport.is_closing():
            raise ClientGone
        headers.append((self.id_header, self.head.request_id.encode()))
        await self._send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
