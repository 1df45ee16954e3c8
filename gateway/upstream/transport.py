"""Calls to providers over HTTP: pooled, bounded in time and size, never redirected."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp

from gateway.types import Outgoing
from gateway.upstream.addresses import resolver_for, sockets_for
from gateway.upstream.connections import Connections
from gateway.upstream.errors import (
    UpstreamError,
    UpstreamUnreadable,
)
from gateway.upstream.failures import broken_off, named, overdue
from gateway.upstream.prepared_request import PreparedRequests, PreparedResponse
from gateway.upstream.targets import Target
from gateway.upstream.watchdog import NEVER, Guard, Watchdog
from tenants.addresses import check_literal

_KEEPALIVE_S = 30
_DNS_TTL_S = 60
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024


class UpstreamCall:
    """A provider's answer whose status is known and whose body is still to be read.

    To be closed by whoever takes it. Closing before the body has ended closes the
    connection, which cancels the work upstream.
    """

    __slots__ = (
        "_began",
        "_deadline",
        "_guard",
        "_last",
        "_patience_ends",
        "_response",
        "_target",
        "_watchdog",
        "is_partial",
        "status",
    )

    def __init__(
        self,
        response: PreparedResponse,
        target: Target,
        watchdog: Watchdog,
        guard: Guard,
        began: float,
        patience_ends: float,
    ) -> None:
        self.status = response.status
        # What came last is not whole: the wait for the rest goes on as it began.
        self.is_partial = False
        self._last = 0.0
        self._response = response
        self._watchdog = watchdog
        self._guard = guard
        self._target = target
        self._began = began
        self._deadline = min(began + target.total_s, patience_ends)
        self._patience_ends = patience_ends

    def has_begun(self) -> None:
        """The answer is on its way to the client: only its own bounds are left."""
        self._deadline = self._began + self._target.total_s
        self._patience_ends = NEVER

    def close(self) -> None:
        # A body read to its end has given its connection back already; otherwise
        # this closes it.
        self._watchdog.release(self._guard)
        self._response.close()

    @property
    def content_type(self) -> str:
        told = self._response.headers.get("Content-Type") or ""
        return told.partition(";")[0].lower()

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    async def pieces(self, limit: int) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; `UpstreamError` when it does not end well."""
        size = 0
        while piece := await self._next_piece():
            size += len(piece)
            if size > limit:
                msg = f"The answer is longer than {limit} bytes."
                raise UpstreamUnreadable(msg, status=self.status)
            yield piece

    async def read(self, limit: int = MAX_RESPONSE_BYTES) -> bytes:
        """Return the whole body."""
        if (whole := self._response.whole) is not None:
            return whole
        body = await self._next_piece()
        if self._response.content.at_eof():
            # Most answers are here in one piece.
            return body
        return body + b"".join([piece async for piece in self.pieces(limit)])

    async def read_error(self) -> bytes:
        """Return the beginning of an error's body; never raises for how it ends."""
        body = b""
        try:
            async for piece in self.pieces(_MAX_ERROR_BYTES):
                body += piece
        except UpstreamError:
            pass
        return body

    async def _next_piece(self) -> bytes:
        response = self._response
        if (whole := response.whole) is not None:
            response.whole = b""
            return whole
        guard = self._guard
        if not self.is_partial:
            self._last = time.monotonic()
        guard.due = min(self._last + self._target.idle_s, self._deadline)
        try:
            piece = await response.content.readany()
        except asyncio.CancelledError:
            if guard.take_back():
                msg = "The provider did not go on in time."
                raise overdue(
                    msg, self._target, self._began, self._patience_ends, self.status
                ) from None
            raise
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # The response keeps the error, and a traceback would hold the response.
            raise broken_off(error) from error.with_traceback(None)
        # Until the next wait it is not the provider who is slow.
        guard.due = NEVER
        if time.monotonic() > self._deadline:
            msg = "The answer did not end in time."
            raise overdue(
                msg, self._target, self._began, self._patience_ends, self.status
            )
        return piece


class Transport:
    """The connections of this process to all providers, one pool each."""

    def __init__(self) -> None:
        self._requests: dict[tuple[int, bool], PreparedRequests] = {}
        self._watchdog = Watchdog()

    async def send(
        self,
        target: Target,
        outgoing: Outgoing,
        attempt_id: str,
        patience_ends: float = NEVER,
        *,
        streamed: bool,
        may_leave: bool = False,
        trace_head: bytes = b"",
    ) -> UpstreamCall:
        """Send one request; returns when the status is known.

        `trace_head` holds header lines that name the trace it belongs to.

        Who `may_leave` for another target waits less long for a connection when others
        wait for one already.

        Nobody waits past `patience_ends` for the answer to begin, or for all of one that
        is not streamed. Raises `UpstreamError` for everything that goes wrong before that.
        """
        url = target.stream_url if streamed else target.url
        signed = b""
        if target.authorizer is not None:
            signed = await target.authorizer.headers(
                target.method, url, outgoing.body, outgoing.content_type
            )
        # Providers that keep it can tell our attempts apart by the id.
        wire = (b"%b%b%bx-client-request-id: %b\r\n%bcontent-length: %d\r\n\r\n%b") % (
            target.stream_head if streamed else target.head,
            signed,
            trace_head,
            attempt_id.encode(),
            b"content-type: %b\r\n" % outgoing.content_type
            if outgoing.content_type
            else b"",
            len(outgoing.body),
            outgoing.body,
        )
        now = time.monotonic()
        guard = self._watchdog.guard(
            min(now + target.first_byte_s, now + target.total_s, patience_ends)
        )
        timeout = target.timeout
        try:
            requests = self._requests_to(target)
            if may_leave:
                timeout = requests.pool.timeout_now(timeout)
            response = await requests.send(
                target.method, url, wire, timeout, is_stream=streamed
            )
        except BaseException as error:
            self._watchdog.release(guard)
            if isinstance(error, asyncio.CancelledError) and guard.take_back():
                msg = "The provider did not answer in time."
                raise overdue(msg, target, now, patience_ends) from None
            if isinstance(error, (aiohttp.ClientError, OSError, ValueError)):
                raise named(error) from error
            raise
        guard.due = NEVER
        return UpstreamCall(response, target, self._watchdog, guard, now, patience_ends)

    async def close(self) -> None:
        for requests in self._requests.values():
            await requests.pool.close()
        self._requests.clear()

    def _requests_to(self, target: Target) -> PreparedRequests:
        provider = target.model.provider
        allow_private = target.allow_private_addresses
        requests = self._requests.get((provider.id, allow_private))
        if requests is None:
            requests = PreparedRequests(_new_pool(allow_private=allow_private))
            self._requests[provider.id, allow_private] = requests
        if not allow_private:
            # An address written as such never reaches the resolver.
            check_literal(target.url.raw_host or "")
        return requests


def _new_pool(*, allow_private: bool) -> Connections:
    return Connections(
        limit=0,
        keepalive_timeout=_KEEPALIVE_S,
        ttl_dns_cache=_DNS_TTL_S,
        resolver=resolver_for(allow_private=allow_private),
        socket_factory=sockets_for(allow_private=allow_private),
    )
