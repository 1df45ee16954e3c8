"""The connections to one provider, and how long it takes to get another one."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from gateway.upstream.answer_protocol import AnswerProtocol

# So many wait for a connection as long as the provider's own bound allows, and when
# they have waited in vain nobody does for some time.
SCOUTS = 2
_NOBODY_WAITS_S = 15.0
# Others, where they could be served elsewhere, only some times as long as usual.
_TIMES_THE_USUAL = 8
_LEAST_S = 0.05
_SHARE_OF_THE_NEWEST = 0.2
# A timer this late means that the process was busy: the connection may be there.
_OWN_DELAY_S = 0.01


class HastyTimeout(aiohttp.ClientTimeout):
    """That of a request that would rather go elsewhere than wait."""


class Connections(aiohttp.TCPConnector):
    """A pool without a bound, which notices when its provider swallows connections.

    A provider that refuses them is noticed at once. One that does not even do that is
    left to the few who ask first: who comes later does not wait for it for long.
    """

    connecting = 0
    usual_s = 0.0
    _made_at = 0.0
    _nobody_waits_until = 0.0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        make: Any = partial(AnswerProtocol, loop=self._loop)
        self._factory = make

    def timeout_now(self, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientTimeout:
        """Return the timeout of one that could go elsewhere.

        It is a short one while others wait for a connection, or did so in vain.
        """
        if self.connecting < SCOUTS and not self._nobody_waits_until:
            return timeout
        if not self.usual_s or (
            self.connecting < SCOUTS and time.monotonic() > self._nobody_waits_until
        ):
            return timeout
        return HastyTimeout(
            total=timeout.total,
            sock_connect=timeout.sock_connect,
            sock_read=timeout.sock_read,
        )

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,
    ) -> ResponseHandler:
        began = time.monotonic()
        self.connecting += 1
        try:
            if isinstance(timeout, HastyTimeout):
                async with self._unless_others_come():
                    made = await super()._create_connection(req, traces, timeout)
            else:
                made = await super()._create_connection(req, traces, timeout)
        except BaseException:
            now = time.monotonic()
            if now - began > _LEAST_S / 2 and now > self._nobody_waits_until:
                self._nobody_waits_until = now + _NOBODY_WAITS_S
            raise
        finally:
            self.connecting -= 1
        self._nobody_waits_until = 0.0
        self._made_at = time.monotonic()
        took_s = max(self._made_at - began, 1e-6)
        known_s = self.usual_s or took_s
        # The first one has to look up names as well, so the quicker ones count.
        rise_s = max(0.0, took_s - known_s) * _SHARE_OF_THE_NEWEST
        self.usual_s = min(known_s, took_s) + rise_s
        return made

    @contextlib.asynccontextmanager
    async def _unless_others_come(self) -> AsyncIterator[None]:
        """Raise `TimeoutError` after a while in which nobody else got one either."""
        loop = asyncio.get_running_loop()
        patience_s = max(_LEAST_S, _TIMES_THE_USUAL * self.usual_s)
        due = time.monotonic() + patience_s
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer, due
            now = time.monotonic()
            if now - due > _OWN_DELAY_S or now - self._made_at < patience_s:
                due = now + patience_s
                timer = loop.call_later(patience_s, look)
            else:
                bound.reschedule(loop.time())

        timer = loop.call_later(patience_s, look)
        try:
            async with asyncio.timeout(None) as bound:
                yield
        finally:
            timer.cancel()
