"""Who takes a turn next: those that bring results go before those that only begin."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turnstile:
    """Lets a few through at once, those that hurry before the others, else in order.

    What a provider has answered and nobody has written down is lost with the worker. So a
    worker with much to do begins as much as it can write down, and no more.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._hurried: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def passing(self, *, hurries: bool) -> AsyncIterator[None]:
        await self._enter(self._hurried if hurries else self._others)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, queue: deque[asyncio.Future[None]]) -> None:
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        """Hand one's place to the next, or leave it free."""
        for queue in (self._hurried, self._others):
            while queue:
                place = queue.popleft()
                # Who has given up waiting is done.
                if not place.done():
                    place.set_result(None)
                    return
        self._free += 1
