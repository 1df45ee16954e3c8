"""One connection to Redis: writes batches and hands out the answers in their order."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

import hiredis
import msgspec

from gateway.redis.script import Script

# A list, an integer or bytes; an error; None when no answer will come.
Reply = Any
Waiter = Callable[[Reply], None]

# A timer this late means that the process was busy: its answer may lie in the socket.
OWN_DELAY_SECONDS = 0.005


class Call(msgspec.Struct):
    """A script call, and who waits for its answer.

    Who has keys and arguments `packed` gives them so, with the number of their parts.
    """

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[str | int | bytes, ...]
    waiter: Waiter
    packed: bytes = b""
    parts: int = 0

    def command(self, *, in_full: bool = False) -> bytes:
        """Return the call; in full for a server that does not know the script."""
        script = self.script
        if self.parts:
            return script.call_with(self.parts, self.packed, in_full=in_full)
        if in_full:
            return script.call_in_full(self.keys, self.arguments)
        return script.call(self.keys, self.arguments)


class Owner(Protocol):
    """Who made the connection, and is told how it fares."""

    def note_success(self) -> None: ...
    def note_failure(self, reason: str) -> None: ...
    def note_lost(self, connection: "Connection", *, failed: bool) -> None: ...


class _Batch(msgspec.Struct):
    waiting: deque[Call | Waiter]
    due: float


class Connection(asyncio.Protocol):
    """Answers each call once: with its reply, or with None when none will come.

    Gives up everything under way when an answer takes longer than `answer_s`.
    """

    def __init__(self, owner: Owner, answer_s: float) -> None:
        self._owner = owner
        self._answer_s = answer_s
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._batches: deque[_Batch] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._spared: _Batch | None = None
        self._is_empty = asyncio.Event()
        self._closed = False
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close(failed=bool(self._batches))

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                self._hand_out(reply)
        except hiredis.ProtocolError:
            self.close(failed=True)

    @property
    def is_at_rest(self) -> bool:
        """Whether no answer is awaited."""
        return not self._batches

    def send(self, calls: list[Call]) -> None:
        self._write(b"".join([call.command() for call in calls]), deque(calls))

    async def greet(self, commands: list[bytes]) -> None:
        """Send the first commands; raises unless all are answered well and soon."""
        replies: list[Reply] = []
        self._write(b"".join(commands), deque([replies.append] * len(commands)))
        await self.drained()
        for reply in replies:
            if isinstance(reply, hiredis.HiredisError):
                raise reply
            if reply is None:
                raise ConnectionError("redis did not answer")

    async def drained(self) -> None:
        """Wait until nothing is waited for."""
        while self._batches:
            self._is_empty.clear()
            await self._is_empty.wait()

    def close(self, *, failed: bool = False) -> None:
        """End the connection; whoever waits is told that no answer will come."""
        if self._closed:
            return
        self._closed = True
        self._owner.note_lost(self, failed=failed)
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()
        batches, self._batches = self._batches, deque()
        self._is_empty.set()
        self.lost.set()
        for batch in batches:
            for waiting in batch.waiting:
                _waiter_of(waiting)(None)

    def _write(self, data: bytes, waiting: deque[Call | Waiter]) -> None:
        if self._closed or self._transport is None:
            for each in waiting:
                _waiter_of(each)(None)
            return
        self._transport.write(data)
        self._batches.append(_Batch(waiting, self._loop.time() + self._answer_s))
        if self._watch is None:
            self._watch = self._loop.call_later(self._answer_s, self._check_overdue)

    def _hand_out(self, reply: Reply) -> None:
        if not self._batches:
            raise hiredis.ProtocolError("an answer to no question")
        waiting = self._batches[0].waiting
        answered = waiting.popleft()
        if not waiting:
            self._batches.popleft()
            if not self._batches:
                self._is_empty.set()
        if isinstance(answered, Call):
            if isinstance(reply, hiredis.ReplyError) and str(reply).startswith(
                "NOSCRIPT"
            ):
                self._write(answered.command(in_full=True), deque([answered.waiter]))
                return
            if isinstance(reply, hiredis.HiredisError):
                self._owner.note_failure(str(reply))
            else:
                self._owner.note_success()
            answered.waiter(reply)
        else:
            answered(reply)

    def _check_overdue(self) -> None:
        """Give up when the oldest batch is overdue, unless it was us who were late."""
        self._watch = None
        if not self._batches:
            return
        now = self._loop.time()
        oldest = self._batches[0]
        if now < oldest.due:
            self._watch = self._loop.call_at(oldest.due, self._check_overdue)
        elif now - oldest.due > OWN_DELAY_SECONDS and oldest is not self._spared:
            self._spared = oldest
            self._watch = self._loop.call_later(OWN_DELAY_SECONDS, self._check_overdue)
        else:
            self.close(failed=True)


def _waiter_of(waiting: Call | Waiter) -> Waiter:
    return waiting.waiter if isinstance(waiting, Call) else waiting
