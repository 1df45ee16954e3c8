"""Calls to providers over HTTP: pooled, bounded in time and size, never redirected."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDict

from gateway.addresses import AddressRefused, check_literal, resolver_for
from gateway.errors import (
    UpstreamError,
    UpstreamTimedOut,
    UpstreamTLSFailed,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from gateway.targets import Target

_CONNECTIONS_PER_PROVIDER = 2000
_KEEPALIVE_S = 30
_DNS_TTL_S = 60
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024


class UpstreamCall:
    """A provider's answer whose status is known and whose body is still to be read.

    `deadline` is on the monotonic clock. Use as a context manager: leaving it before
    the body has ended closes the connection, which cancels the work upstream.
    """

    __slots__ = ("_response", "deadline", "status")

    def __init__(self, response: aiohttp.ClientResponse, deadline: float) -> None:
        self._response = response
        self.status = response.status
        self.deadline = deadline

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        # A body read to its end has given its connection back already; otherwise
        # this closes it.
        self._response.close()

    @property
    def content_type(self) -> str:
        return self._response.headers.get("Content-Type", "").partition(";")[0].lower()

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    async def pieces(self, limit: int) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises `UpstreamError` when it does not end well."""
        content = self._response.content
        size = 0
        try:
            while piece := await content.readany():
                size += len(piece)
                if size > limit:
                    msg = f"The answer is longer than {limit} bytes."
                    raise UpstreamUnreadable(msg, status=self.status)
                if time.monotonic() > self.deadline:
                    msg = "The answer did not end in time."
                    raise UpstreamTimedOut(msg, status=self.status)
                yield piece
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _named(error) from error

    async def read(self, limit: int = MAX_RESPONSE_BYTES) -> bytes:
        """Return the whole body."""
        return b"".join([piece async for piece in self.pieces(limit)])

    async def read_error(self) -> bytes:
        """Return the beginning of an error's body; never raises for how it ends."""
        body = b""
        try:
            async for piece in self.pieces(_MAX_ERROR_BYTES):
                body += piece
        except UpstreamError:
            pass
        return body


class Transport:
    """The connections of this process to all providers, one pool each."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[int, bool], aiohttp.ClientSession] = {}

    async def post(self, target: Target, body: bytes, attempt_id: str) -> UpstreamCall:
        """Send one request; returns when the status is known.

        Raises `UpstreamError` for everything that goes wrong before that.
        """
        headers = CIMultiDict(target.headers)
        # Providers that keep it can tell our attempts apart by it.
        headers["X-Client-Request-Id"] = attempt_id
        deadline = time.monotonic() + target.total_s
        try:
            response = await self._session_for(target).post(
                target.url,
                data=body,
                headers=headers,
                timeout=target.timeout,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _named(error) from error
        if (connection := response.connection) is not None and (
            protocol := connection.protocol
        ) is not None:
            protocol.read_timeout = target.idle_s
        return UpstreamCall(response, deadline)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _session_for(self, target: Target) -> aiohttp.ClientSession:
        provider = target.model.provider
        allow_private = provider.allow_private_addresses
        session = self._sessions.get((provider.id, allow_private))
        if session is None:
            session = _new_session(allow_private=allow_private)
            self._sessions[provider.id, allow_private] = session
        if not allow_private:
            # An address written as such never reaches the resolver.
            check_literal(target.url.raw_host or "")
        return session


def _new_session(*, allow_private: bool) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=_CONNECTIONS_PER_PROVIDER,
        keepalive_timeout=_KEEPALIVE_S,
        ttl_dns_cache=_DNS_TTL_S,
        resolver=resolver_for(allow_private=allow_private),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("Accept", "User-Agent", "Accept-Encoding"),
    )


def _named(error: Exception) -> UpstreamError:
    """Name what went wrong below HTTP. Messages hold no address and no header."""
    match error:
        case UpstreamError():
            return error
        case aiohttp.ClientSSLError():
            return UpstreamTLSFailed("The provider's certificate or handshake failed.")
        case AddressRefused():
            return UpstreamUnreachable(str(error))
        case aiohttp.ClientConnectorError() if isinstance(
            error.__cause__, AddressRefused
        ):
            return UpstreamUnreachable(str(error.__cause__))
        case aiohttp.ConnectionTimeoutError():
            return UpstreamTimedOut("The provider did not accept a connection in time.")
        case TimeoutError() | asyncio.TimeoutError():
            return UpstreamTimedOut("The provider did not answer in time.")
        case aiohttp.ClientPayloadError():
            return UpstreamUnreadable("The answer was cut off.")
        case aiohttp.ClientResponseError() | ValueError():
            return UpstreamUnreadable("The provider does not speak HTTP properly.")
        case _:
            return UpstreamUnreachable("The provider cannot be reached.")
