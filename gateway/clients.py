"""The client's side of a request: its body, and whether it is still there."""

import asyncio
import time

from gateway.asgi import Receive
from gateway.refusals import RequestTooLarge

# A request that is answered sooner is not worth a second task that watches its client.
WATCH_AFTER_S = 0.05


class ClientGone(Exception):
    """Nobody is there any more to be answered."""


class Client:
    """The client of one request. Whoever makes it calls `leave` in the end."""

    __slots__ = ("_receive", "_watch", "_watcher", "gone", "since", "task")

    def __init__(self, receive: Receive, watch: "ClientWatch") -> None:
        self.task = watch.current_task()
        self.gone = False
        self.since = 0.0
        self._receive = receive
        self._watch = watch
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
        self._watch.add(self)
        return body

    def outlived_server(self) -> None:
        """Take back a cancellation by the server's end; pass on the client's."""
        if self.gone:
            raise asyncio.CancelledError
        self.task.uncancel()

    def give_up(self) -> None:
        """End the request: nobody is there any more to be answered."""
        self.gone = True
        self.task.cancel()

    def leave(self) -> None:
        """Stop watching the client."""
        self._watch.remove(self)
        if self._watcher is not None:
            self._watcher.cancel()
            # Its end is an exception, whose traceback holds the client.
            self._watcher = None

    def start_watching(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.give_up()


class ClientWatch:
    """Begins to watch the clients whose requests take a while; one timer for all."""

    def __init__(self) -> None:
        self._fresh: set[Client] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def current_task(self) -> asyncio.Task[object]:
        if self._loop is None:
            # Asking for the loop is a system call before Python 3.12.
            self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("A request is answered inside a task.")
        return task

    def add(self, client: Client) -> None:
        client.since = time.monotonic()
        self._fresh.add(client)
        if self._timer is None:
            self._schedule()

    def remove(self, client: Client) -> None:
        self._fresh.discard(client)

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(WATCH_AFTER_S, self._look)

    def _look(self) -> None:
        self._timer = None
        latest = time.monotonic() - WATCH_AFTER_S
        for client in [fresh for fresh in self._fresh if fresh.since <= latest]:
            self._fresh.discard(client)
            client.start_watching()
        if self._fresh:
            self._schedule()


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"A request body may have at most {limit} bytes.")
