"""Leaves the figures of this process for every scrape, once a second."""

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from gateway.metrics.counts import COUNTS, Counts
from gateway.metrics.exposition import expose
from gateway.metrics.figures import Figures, figures_of
from gateway.metrics.slots import Slot
from gateway.serve import Gateway
from usage.shipper import Shipper
from usage.spool import Spool

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 1.0


class Publisher:
    """Counting goes on whether or not the figures can be written."""

    def __init__(
        self,
        folder: Path,
        gateway: Gateway,
        spool: Spool,
        shipper: Shipper,
        counts: Counts = COUNTS,
    ) -> None:
        self._slot = Slot(folder)
        self._gateway = gateway
        self._spool = spool
        self._shipper = shipper
        self._counts = counts
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._is_failing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._publish(), name="metrics")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._write(self._now())
        self._slot.close()

    async def scrape(self) -> bytes:
        """Return the figures of all processes of this machine, our own up to date."""
        own = self._now()
        await self._write(own)
        return await asyncio.to_thread(self._exposed)

    def _exposed(self) -> bytes:
        return expose(self._slot.everybody(), time.time())

    async def _publish(self) -> None:
        while True:
            await self._write(self._now())
            await asyncio.sleep(PERIOD_SECONDS)

    def _now(self) -> Figures:
        return figures_of(
            self._counts, self._gateway, self._spool, self._shipper, time.time()
        )

    async def _write(self, figures: Figures) -> None:
        try:
            async with self._writing:
                await asyncio.to_thread(self._slot.write, figures)
        except OSError as error:
            if not self._is_failing:
                logger.warning("metrics not written", extra={"reason": str(error)})
            self._is_failing = True
        else:
            self._is_failing = False
