"""Requests to providers that go out in one write, their heads put together beforehand.

aiohttp keeps the connections, with their names and TLS, and reads what comes over them.
Its client is left out: for every request it looks for cookies, redirects, proxies and
credentials that are never there, which takes a tenth of the gateway's time.
"""

import asyncio
from functools import cached_property
from typing import Any, cast

import aiohttp
from aiohttp import ClientConnectionResetError, ClientRequest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy
from yarl import URL

from gateway.upstream.answer_head import AnswerHeaders
from gateway.upstream.answer_protocol import AnswerProtocol
from gateway.upstream.chunked_answer import ChunkedAnswer
from gateway.upstream.connections import Connections
from gateway.upstream.errors import UpstreamUnreadable
from gateway.upstream.whole_answer import WholeAnswer

# They change nothing when they arrive twice, so they may be sent again.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_MAX_DESTINATIONS = 1_000


class PreparedResponse:
    """An answer whose head is here; whoever has it calls `close`.

    `whole` is its body where all of it is here; otherwise `content` is where it comes.
    """

    __slots__ = ("_connection", "content", "headers", "status", "whole")

    def __init__(
        self,
        status: int,
        headers: CIMultiDictProxy[str] | AnswerHeaders,
        content: StreamReader | ChunkedAnswer,
        connection: Connection,
        whole: bytes | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.whole = whole
        self._connection = connection

    def close(self) -> None:
        """Give the connection back; one whose answer has not ended is closed."""
        self._connection.release()


class _Destination(ClientRequest):
    """What aiohttp's pool asks a request for: where it goes, the same for all of them."""

    @cached_property
    def connection_key(self) -> ConnectionKey:
        return super().connection_key


class PreparedRequests:
    """Sends requests over the connections of one pool."""

    def __init__(self, pool: Connections) -> None:
        self.pool = pool
        self._destinations: dict[tuple[str, str | None, int | None], _Destination] = {}

    async def send(
        self,
        method: str,
        url: URL,
        wire: bytes,
        timeout: aiohttp.ClientTimeout,
        *,
        is_stream: bool = True,
    ) -> PreparedResponse:
        """Send `wire`, the whole request, head included; return when it is answered.

        Raises `UpstreamUnreadable`, `aiohttp.ClientError`, `OSError` and `ValueError`. Of
        the timeout only counts what bounds the making of a connection. What is no stream is
        quicker to read when that is known.
        """
        destination = self._destination_of(url)
        try:
            connection = await self._connection_to(destination, timeout)
            return await _exchange(method, connection, wire, is_stream=is_stream)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            # A connection that was kept may end just when it is used again.
            if method not in _IDEMPOTENT:
                raise
        connection = await self._connection_to(destination, timeout)
        return await _exchange(method, connection, wire, is_stream=is_stream)

    async def _connection_to(
        self, destination: _Destination, timeout: aiohttp.ClientTimeout
    ) -> Connection:
        try:
            while True:
                connection = await self.pool.connect(destination, [], timeout)
                protocol = connection.protocol
                if protocol is None or not protocol.should_close:
                    return connection
                # What was said unasked is nobody's answer.
                connection.close()
        except TimeoutError as error:
            msg = "There was no connection in time."
            raise aiohttp.ConnectionTimeoutError(msg) from error

    def _destination_of(self, url: URL) -> _Destination:
        origin = (url.scheme, url.raw_host, url.port)
        destination = self._destinations.get(origin)
        if destination is None:
            if len(self._destinations) >= _MAX_DESTINATIONS:
                self._destinations.clear()
            if url.scheme not in self.pool.allowed_protocol_schema_set:
                raise aiohttp.NonHttpUrlClientError(url)
            loop = asyncio.get_running_loop()
            destination = _Destination("POST", url.origin(), loop=loop)
            self._destinations[origin] = destination
        return destination


async def _exchange(
    method: str, connection: Connection, wire: bytes, *, is_stream: bool
) -> PreparedResponse:
    try:
        protocol = connection.protocol
        transport = None if protocol is None else protocol.transport
        if protocol is None or transport is None or transport.is_closing():
            raise ClientConnectionResetError("Cannot write to closing transport")
        cast(AnswerProtocol, protocol).expect(
            is_stream=is_stream, has_body=method != "HEAD"
        )
        transport.write(wire)
        # aiohttp's message, or what was read in its place.
        message: Any
        message, content = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:
            message, content = await protocol.read()
    except HttpProcessingError as error:
        connection.close()
        msg = "The provider does not speak HTTP properly."
        raise UpstreamUnreadable(msg) from error
    except BaseException:
        connection.close()
        raise
    whole = message.body if isinstance(message, WholeAnswer) else None
    return PreparedResponse(message.code, message.headers, content, connection, whole)
