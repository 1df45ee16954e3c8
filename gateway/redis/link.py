"""One connection to Redis that never makes a request wait for long.

A call that comes alone goes out at once; those that come together share one write for each
turn of the event loop. When an answer takes longer than `answer_s`, all that is under way
is given up together with the connection, so that a late answer cannot be taken for
another's. While there is no connection `is_up` is False, and callers decide without Redis
at once; connecting goes on behind them.
"""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any, Final, Literal, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

from gateway.redis.connection import Call, Connection
from gateway.redis.script import Script, pack

ANSWER_SECONDS = 0.05
CONNECT_SECONDS = 1.0
RECONNECT_SECONDS = 0.05
FAILURES_TO_OPEN = 5
OPEN_SECONDS = 5.0
LATER_SECONDS = 0.01

_MAX_LATER = 10_000
_MAX_LATER_PER_WRITE = 200

logger = logging.getLogger(__name__)


class RedisLink:
    """Sends calls in batches, and tells at once when Redis cannot be asked."""

    def __init__(
        self,
        url: str,
        scripts: Iterable[Script] = (),
        *,
        answer_s: float = ANSWER_SECONDS,
    ) -> None:
        self._answer_s: Final = answer_s
        self._address: Final = dict(parse_url(url))
        self._tls: Final = _tls_context(self._address)
        self._scripts: Final = tuple(scripts)
        self._connection: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._soon: list[Call] = []
        self._later: deque[Call] = deque(maxlen=_MAX_LATER)
        self._later_timer: asyncio.TimerHandle | None = None
        # Whether the last write had one call that somebody waits for.
        self._was_alone = True
        self._consecutive_failures = 0
        self._decided = asyncio.Event()
        self._running_loop: asyncio.AbstractEventLoop | None = None
        self.is_up = False
        self.writes = 0
        self.failures = 0
        self.times_opened = 0

    @property
    def breaker(self) -> Literal["closed", "half_open", "open"]:
        """Half open is the time from a pause to the first answer after it."""
        if self._consecutive_failures < FAILURES_TO_OPEN:
            return "closed"
        return "half_open" if self.is_up else "open"

    async def start(self) -> None:
        """Begin to connect, and wait for that a little, or until the breaker opens."""
        self._keeper = asyncio.create_task(self._keep_connected())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._decided.wait()

    async def stop(self) -> None:
        """Send what waits, give the answers their time, and disconnect."""
        while self._connection is not None and (self._later or self._soon):
            self._flush()
        if self._connection is not None:
            await self._connection.drained()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._later_timer is not None:
            self._later_timer.cancel()
            self._later_timer = None
        self._drop_connection()

    def ask(self, call: Call) -> None:
        """Send a call, with the others of this turn where there are any; only while `is_up`."""
        self._soon.append(call)
        if len(self._soon) > 1:
            return
        connection = self._connection
        if self._was_alone and connection is not None and connection.is_at_rest:
            # Most likely this one is alone, too.
            self._flush()
        else:
            self._loop.call_soon(self._flush)

    def tell(self, call: Call) -> None:
        """Send a call nobody hurries for, now or when Redis is back."""
        self._later.append(call)
        if self.is_up and self._later_timer is None:
            self._later_timer = self._loop.call_later(LATER_SECONDS, self._send_later)

    def note_lost(self, connection: Connection, *, failed: bool) -> None:
        """Take a connection out of use; the next one is made behind the requests."""
        if connection is self._connection:
            self._drop_connection()
            if failed:
                self.note_failure("no answer in time")

    def note_failure(self, reason: str) -> None:
        """Count an answer that is of no use, or none; after five in a row pause."""
        self.failures += 1
        self._consecutive_failures += 1
        if self._consecutive_failures >= FAILURES_TO_OPEN:
            if self._consecutive_failures == FAILURES_TO_OPEN:
                self.times_opened += 1
                logger.warning("redis does not answer", extra={"reason": reason})
            self._decided.set()
            self._drop_connection()

    def note_success(self) -> None:
        if self._consecutive_failures:
            if self._consecutive_failures >= FAILURES_TO_OPEN:
                logger.info("redis answers again")
            self._consecutive_failures = 0

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._running_loop is None:
            # Asking for the loop is a system call before Python 3.12.
            self._running_loop = asyncio.get_running_loop()
        return self._running_loop

    def _send_later(self) -> None:
        self._later_timer = None
        self._flush()

    def _flush(self) -> None:
        """Write the calls of this turn, and take along some that were in no hurry."""
        calls, self._soon = self._soon, []
        if calls:
            self._was_alone = len(calls) == 1
        connection = self._connection
        if connection is None:
            for call in calls:
                call.waiter(None)
            return
        for _ in range(min(len(self._later), _MAX_LATER_PER_WRITE)):
            calls.append(self._later.popleft())
        if calls:
            self.writes += 1
            connection.send(calls)
        if self._later and self._later_timer is None:
            self._later_timer = self._loop.call_later(LATER_SECONDS, self._send_later)

    def _drop_connection(self) -> None:
        self.is_up = False
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _keep_connected(self) -> None:
        while True:
            try:
                connection = await self._connect()
            except (OSError, TimeoutError, hiredis.HiredisError) as error:
                self.note_failure(f"{type(error).__name__}: {error}")
            else:
                self._connection = connection
                self.is_up = True
                self._decided.set()
                self._flush()
                await connection.lost.wait()
                if self._connection is connection:
                    self._drop_connection()
            await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        if self._consecutive_failures < FAILURES_TO_OPEN:
            return RECONNECT_SECONDS * (self._consecutive_failures or 1)
        return OPEN_SECONDS * random.uniform(0.9, 1.0)  # noqa: S311

    async def _connect(self) -> Connection:
        """Connect and make sure that Redis answers as quickly as calls need it."""
        address = self._address
        make = partial(Connection, self, self._answer_s)
        async with asyncio.timeout(CONNECT_SECONDS):
            if "path" in address:
                _, connection = await self._loop.create_unix_connection(
                    make, cast(str, address["path"])
                )
            else:
                _, connection = await self._loop.create_connection(
                    make,
                    cast(str, address.get("host", "localhost")),
                    cast(int, address.get("port", 6379)),
                    ssl=self._tls,
                )
        try:
            greeting = [*_greeting(address), *[s.load() for s in self._scripts]]
            await connection.greet(greeting)
        except BaseException:
            connection.close()
            raise
        return connection


def _greeting(address: dict[str, Any]) -> list[bytes]:
    commands = [pack("PING")]
    if database := address.get("db"):
        commands.insert(0, pack("SELECT", database))
    if password := address.get("password"):
        user = [address["username"]] if address.get("username") else []
        commands.insert(0, pack("AUTH", *user, password))
    return commands


def _tls_context(address: dict[str, Any]) -> Any:
    if address.get("connection_class") is not SSLConnection:
        return None
    options = {name: value for name, value in address.items() if name.startswith("ssl")}
    return SSLConnection(**options).ssl_context.get()
