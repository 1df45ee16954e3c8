"""The lean way from the socket to an inference view and back.

The key is checked before the body is read, the body is capped while it is read, and
a client that goes away takes its request with it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings
from django.urls import Resolver404, ResolverMatch, get_resolver
from rest_framework.exceptions import APIException
from uuid_utils import uuid7

from gateway.authentication import (
    authenticate,
    check_project,
    check_repeats,
    key_in,
)
from gateway.errors import Draining, RequestTooLarge, RouteNotFound
from gateway.metrics.counts import COUNTS
from gateway.prepared import PREPARED_RESPONSE
from gateway.replies import EdgeReply
from gateway.serve import Gateway
from gateway.streams import RelayedStream
from gateway.views.base import EdgeRequest, InferenceView
from gateway.views.models import ModelsView

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PREFIXES = ("/v1/", "/openai/")

# A request that is answered sooner is not worth a second task that watches its client.
_WATCH_AFTER_S = 0.05
_KEEPALIVE_S = 15.0
_KEEPALIVE = b": keep-alive\n\n"
_MAX_ROUTES = 256


class ClientGone(Exception):
    """Nobody is there any more to be answered."""


class Edge:
    """The ASGI application of the inference paths."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._resolver = get_resolver("gateway.urls")
        self._routes: dict[str, ResolverMatch] = {}
        self._max_body = settings.MAX_BODY_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = _Client(receive)
        try:
            reply = await self._reply(scope, client)
            COUNTS.request(reply.status, reply.overhead_ms)
            if reply.stream is None:
                if PREPARED_RESPONSE in scope.get("extensions", ()):
                    await _send_prepared(reply, send)
                else:
                    await send_whole(reply, send)
            else:
                await _send_stream(reply, reply.stream, client, send)
        except asyncio.CancelledError:
            if not client.gone:
                raise
            client.task.uncancel()
        except ClientGone:
            pass
        finally:
            client.stop_watching()

    async def _reply(self, scope: Scope, client: "_Client") -> EdgeReply:
        began = time.monotonic()
        request_id = str(uuid7())
        sent: list[tuple[bytes, bytes]] = scope["headers"]
        headers = dict(sent)
        view_class: type[InferenceView] = ModelsView
        try:
            if len(headers) < len(sent):
                check_repeats(sent)
            match = self._route(scope["path"])
            view_class = match.func.view_class  # type: ignore[attr-defined]
            key = await authenticate(
                key_in(headers, scope["query_string"]), self._gateway.snapshot
            )
            check_project(key, headers.get(b"x-project-id"))
            content = await client.read_body(headers, self._max_body)
            request = EdgeRequest(
                scope, headers, content, key, request_id, self._gateway, began
            )
            return await view_class().respond(request, **match.kwargs)
        except APIException as error:
            return view_class.refusal_reply(error, request_id)
        except asyncio.CancelledError:
            client.outlived_server()
            return view_class.refusal_reply(Draining(), request_id)

    def _route(self, path: str) -> ResolverMatch:
        match = self._routes.get(path)
        if match is None:
            try:
                match = self._resolver.resolve(path)
            except Resolver404 as error:
                msg = (
                    f"There is nothing at {path[:200]}; "
                    "GET /api/docs/ lists the endpoints."
                )
                raise RouteNotFound(msg) from error
            if not match.kwargs and len(self._routes) < _MAX_ROUTES:
                self._routes[path] = match
        return match


class _Client:
    """The client's side of one request: its body, and whether it is still there."""

    __slots__ = ("_receive", "_timer", "_watcher", "gone", "task")

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A request is answered inside a task.")
        self.task = task
        self.gone = False
        self._receive = receive
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def read_body(self, headers: dict[bytes, bytes], limit: int) -> bytes:
        """Return the body; afterwards a client that goes away cancels the request.

        Raises `RequestTooLarge` as soon as that is known, and `ClientGone`.
        """
        length = headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        # A body that comes too slowly is cut off by the server below.
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            if len(body) > limit:
                raise _too_large(limit)
            message = await self._receive()
            body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise ClientGone
        if len(body) > limit:
            raise _too_large(limit)
        self._timer = asyncio.get_running_loop().call_later(
            _WATCH_AFTER_S, self._start_watching
        )
        return body

    def outlived_server(self) -> None:
        """Take back a cancellation by the server's end; pass on the client's."""
        if self.gone:
            raise asyncio.CancelledError
        self.task.uncancel()

    def stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _start_watching(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self.task.cancel()


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"A request body may have at most {limit} bytes.")


async def _send_prepared(reply: EdgeReply, send: Send) -> None:
    await send(
        {
            "type": PREPARED_RESPONSE,
            "status": reply.status,
            "head": b"".join([b"%b: %b\r\n" % header for header in reply.headers]),
            "body": reply.body,
        }
    )


async def send_whole(reply: EdgeReply, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": reply.headers,
        }
    )
    await send({"type": "http.response.body", "body": reply.body})


async def _send_stream(
    reply: EdgeReply, stream: RelayedStream, client: _Client, send: Send
) -> None:
    keepalive = _Keepalive(send)
    try:
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": reply.headers,
            }
        )
        async for events in stream.events():
            keepalive.last = time.monotonic()
            await send(
                {"type": "http.response.body", "body": events, "more_body": True}
            )
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        client.outlived_server()
        ending = stream.break_off(Draining())
        await send({"type": "http.response.body", "body": ending})
    finally:
        keepalive.stop()
        stream.close()


class _Keepalive:
    """Writes a comment into a stream that has been silent for a while."""

    __slots__ = ("_send", "_task", "_timer", "last")

    def __init__(self, send: Send) -> None:
        self.last = time.monotonic()
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_KEEPALIVE_S, self._check)

    def stop(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        if time.monotonic() - self.last >= _KEEPALIVE_S:
            self._task = loop.create_task(self._write())
        self._timer = loop.call_later(_KEEPALIVE_S, self._check)

    async def _write(self) -> None:
        await self._send(
            {"type": "http.response.body", "body": _KEEPALIVE, "more_body": True}
        )
