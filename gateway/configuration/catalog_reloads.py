"""Reading the whole catalog again when it changed: one at a time, bursts as one."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from django.db import ProgrammingError

from gateway.configuration.catalog_loading import build_catalog, read_catalog
from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from gateway.configuration.records import Catalog

logger = logging.getLogger(__name__)

_STATEMENT_S = 5.0
_ANSWER_S = 15.0
_RETRY_S = 0.5
_MAX_RETRY_S = 5.0
_MAX_PAUSE_S = 0.25


class SnapshotFailed(Exception):
    """The configuration cannot be loaded as things are; the message says what to do."""


class CatalogReloads:
    """Hands each new catalog to `swap`. The last good one stays when a reload fails."""

    def __init__(self, swap: Callable[[Catalog], None]) -> None:
        self._swap = swap
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._threads = DatabaseThreads(1, statement_s=_STATEMENT_S, answer_s=_ANSWER_S)

    @property
    def is_pending(self) -> bool:
        return not self._idle.is_set()

    def request(self) -> None:
        """Have the catalog read, from now on or once more after the read under way."""
        self._wanted.set()
        self._idle.clear()

    async def settled(self, timeout_s: float) -> None:
        """Wait for what was requested, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()

    async def first_outcome(self) -> None:
        """Wait for the first reload to end.

        A database that is away is no failure: it will be tried again. `SnapshotFailed`
        when trying again would not help.
        """
        await self._first

    async def run(self) -> None:
        failures = 0
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            began = time.monotonic()
            try:
                catalog = await build_catalog(await self._threads.read(read_catalog))
            except Exception as error:
                failures += 1
                self._report(error, failures)
                await self._pause(min(_RETRY_S * 2 ** (failures - 1), _MAX_RETRY_S))
                self._wanted.set()
                continue
            failures = 0
            self._swap(catalog)
            if not self._first.done():
                self._first.set_result(None)
            if not self._wanted.is_set():
                self._idle.set()
            # Reloads take at most half of the time, however many changes there are.
            await asyncio.sleep(min(time.monotonic() - began, _MAX_PAUSE_S))

    async def _pause(self, seconds: float) -> None:
        """Wait that long, or until there is a new reason to try."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()

    def _report(self, error: Exception, failures: int) -> None:
        if isinstance(error, ConfigurationUnavailable):
            logger.info("catalog not reloaded", extra={"why": str(error)})
        elif failures == 1:
            logger.error("catalog unreadable", exc_info=error)
        if self._first.done():
            return
        if isinstance(error, ConfigurationUnavailable):
            self._first.set_result(None)
            return
        msg = f"The catalog in the database cannot be read: {error}"
        if isinstance(error, ProgrammingError):
            msg = "The configuration has no tables; run `manage.py migrate` first."
        failed = SnapshotFailed(msg)
        failed.__cause__ = error
        self._first.set_exception(failed)

    async def stop(self) -> None:
        await self._threads.stop()
