"""Writing captured texts, behind the requests that they are of.

What waits to be written is in memory alone, and bounded: texts are lost before memory is,
and before they are anywhere unsealed.
"""

import asyncio
import contextlib
import logging
from collections import deque

from django.db import DatabaseError

from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from tenants.encryption import Unsealable
from usage.captures import Capture, store

logger = logging.getLogger(__name__)

_MAX_WAITING_BYTES = 64 * 1024 * 1024
_WRITE_EVERY_S = 0.5
_RETRY_S = 2.0
_ANSWER_S = 10.0
_BATCH = 50


class Captures:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._threads = DatabaseThreads(
            1, statement_s=_ANSWER_S, answer_s=_ANSWER_S, read_only=False
        )
        self._waiting: deque[Capture] = deque()
        self._bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self.lost = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def stop(self) -> None:
        """Write what waits, once; what cannot be written is lost."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        with contextlib.suppress(ConfigurationUnavailable, DatabaseError, Unsealable):
            while self._waiting:
                await self._write()
        await self._threads.stop()

    def keep(self, capture: Capture) -> None:
        size = len(capture.request) + len(capture.answer)
        if self._bytes + size > _MAX_WAITING_BYTES:
            self.lost += 1
            logger.warning("captured text lost", extra={"lost": self.lost})
            return
        self._waiting.append(capture)
        self._bytes += size
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._keep_writing(), name="captures")

    async def _keep_writing(self) -> None:
        while self._waiting:
            await asyncio.sleep(_WRITE_EVERY_S)
            try:
                await self._write()
            except (ConfigurationUnavailable, DatabaseError, Unsealable) as error:
                logger.warning("captures not written", extra={"reason": str(error)})
                await asyncio.sleep(_RETRY_S)

    async def _write(self) -> None:
        batch = [self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))]
        await self._threads.read(store, batch)
        for capture in batch:
            self._waiting.popleft()
            self._bytes -= len(capture.request) + len(capture.answer)
