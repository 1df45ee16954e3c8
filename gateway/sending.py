"""Sending a reply: whole, or event by event, with comments into long silences."""

import asyncio
import logging
import time

from gateway.asgi import (
    CUT_RESPONSE,
    PREPARED_RESPONSE,
    PREPARED_START,
    Message,
    Scope,
    Send,
)
from gateway.clients import Client
from gateway.event_streams import CutOff, EventStream
from gateway.refusals import Draining, Refusal, Unforeseen
from gateway.replies import EdgeReply

logger = logging.getLogger(__name__)

_KEEPALIVE_S = 15.0


async def send_whole(reply: EdgeReply, scope: Scope, send: Send) -> None:
    if PREPARED_RESPONSE in scope.get("extensions", ()):
        await send(
            {
                "type": PREPARED_RESPONSE,
                "status": reply.status,
                "head": reply.head,
                "body": reply.body,
            }
        )
        return
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": reply.headers,
        }
    )
    await send({"type": "http.response.body", "body": reply.body})


async def send_stream(
    reply: EdgeReply, stream: EventStream, client: Client, scope: Scope, send: Send
) -> None:
    keepalive = _Keepalive(send, client, stream.keepalive)
    try:
        await send(_start_of(reply, scope))
        async for events in stream.events():
            keepalive.last = time.monotonic()
            await send(
                {"type": "http.response.body", "body": events, "more_body": True}
            )
        await send({"type": "http.response.body", "body": b""})
    except CutOff:
        await send({"type": CUT_RESPONSE})
    except asyncio.CancelledError:
        client.outlived_server()
        await send(_ending(stream, Draining()))
    except Exception:
        logger.exception("stream failed")
        await send(_ending(stream, Unforeseen()))
    finally:
        keepalive.stop()
        stream.close()


def _start_of(reply: EdgeReply, scope: Scope) -> Message:
    if PREPARED_START in scope.get("extensions", ()):
        return {"type": PREPARED_START, "status": reply.status, "head": reply.head}
    return {
        "type": "http.response.start",
        "status": reply.status,
        "headers": reply.headers,
    }


def _ending(stream: EventStream, refusal: Refusal) -> Message:
    try:
        return {"type": "http.response.body", "body": stream.break_off(refusal)}
    except CutOff:
        return {"type": CUT_RESPONSE}


class _Keepalive:
    """Writes what keeps it alive into a stream that has been silent for a while.

    A client that has not taken that for as long again reads no more; it is given up.
    """

    __slots__ = ("_client", "_event", "_send", "_task", "_timer", "last")

    def __init__(self, send: Send, client: Client, event: bytes) -> None:
        self.last = time.monotonic()
        self._event = event
        self._send = send
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_KEEPALIVE_S, self._check)

    def stop(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is not None and not self._task.done():
            self._client.give_up()
            return
        if self._event and time.monotonic() - self.last >= _KEEPALIVE_S:
            self._task = loop.create_task(self._write())
        self._timer = loop.call_later(_KEEPALIVE_S, self._check)

    async def _write(self) -> None:
        await self._send(
            {"type": "http.response.body", "body": self._event, "more_body": True}
        )
