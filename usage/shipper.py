"""Moves what a process has spooled, and what dead ones have left, to PostgreSQL."""

import asyncio
import logging
import math
import os
import threading
import time
from collections.abc import Iterator

from usage.adoption import adopt_in_steps, bytes_on_disk
from usage.ledger import (
    ConnectionParameters,
    Ledger,
    LedgerUnavailable,
    OnBooked,
    connection_parameters,
)
from usage.segments import is_intent, read_lines, readable
from usage.spool import Segment, Spool

logger = logging.getLogger(__name__)

TURN_SECONDS = 0.25
SWEEP_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 2.0
# After an outage those who are alive have so long to renew what they hold of budgets.
GRACE_SECONDS = 15.0
NEARLY_FULL = 0.8


class Shipper:
    """A thread beside the event loop, from which it takes a microsecond per event.

    It reads from the segment files, so that nothing is held in memory however long
    PostgreSQL is away.
    """

    def __init__(
        self,
        spool: Spool,
        parameters: ConnectionParameters = connection_parameters,
        on_booked: OnBooked | None = None,
    ) -> None:
        self._spool = spool
        self._ledger = Ledger(spool.root, parameters, on_booked)
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self._stopping = threading.Event()
        self._deadline = math.inf
        self._caught_up_at = time.monotonic()
        self._failures = 0
        self._adoption: Iterator[int] | None = None
        self._next_sweep = 0.0
        self._leases_swept_from = time.monotonic() + GRACE_SECONDS

    def start(self) -> None:
        self._thread.start()

    async def stop(self, timeout: float = 5.0) -> None:
        """Ship what is left for at most so long; the rest is for who adopts it."""
        self._deadline = time.monotonic() + timeout
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, timeout + TURN_SECONDS)
        if left := self._spool.depth().unshipped_bytes:
            logger.warning("spool left for adoption", extra={"bytes": left})

    def lag(self) -> float:
        """Return for how many seconds something has been waiting to be shipped."""
        if self._spool.depth().unshipped_bytes == 0:
            return 0.0
        return time.monotonic() - self._caught_up_at

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = self._take_turn()
        self._take_turn()
        self._adoption = None
        self._ledger.close()

    def _take_turn(self) -> float:
        """Ship what there is, then a batch of what is adopted; return when to go on."""
        try:
            self._ship_own()
            self._adopt_a_batch()
        except LedgerUnavailable as error:
            self._adoption = None
            return self._back_off(str(error))
        except Exception:
            # A thread that died here would let the spool grow until it is full.
            logger.exception("shipping failed")
            self._adoption = None
            return self._back_off("unexpected")
        if self._failures:
            logger.warning("shipping again", extra={"failures": self._failures})
            self._leases_swept_from = time.monotonic() + GRACE_SECONDS
            self._failures = 0
        return TURN_SECONDS if self._adoption is None else 0.0

    def _back_off(self, reason: str) -> float:
        self._failures += 1
        if self._failures == 1:
            logger.warning("usage events wait in the spool", extra={"reason": reason})
        return min(MAX_BACKOFF_SECONDS, 0.1 * 2.0 ** min(self._failures, 5))

    def _ship_own(self) -> None:
        begun = time.monotonic()
        for segment in tuple(self._spool.segments):
            self._ship_segment(segment)
        self._spool.remove_shipped()
        if time.monotonic() < self._deadline:
            self._caught_up_at = begun

    def _ship_segment(self, segment: Segment) -> None:
        end = segment.size
        if segment.shipped == end:
            return
        handle = os.open(segment.path, os.O_RDONLY)
        try:
            for lines, offset in read_lines(handle, segment.shipped, end):
                if time.monotonic() > self._deadline:
                    return
                good = readable(self._spool.root, lines)
                self._ledger.write(
                    [line for line in good if not is_intent(line)],
                    self._spool.directory.name,
                )
                segment.shipped = offset
        finally:
            os.close(handle)

    def _adopt_a_batch(self) -> None:
        if self._adoption is None:
            if time.monotonic() < self._next_sweep or self._stopping.is_set():
                return
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
            self._look_around()
            if time.monotonic() > self._leases_swept_from:
                self._ledger.sweep_leases()
            self._adoption = adopt_in_steps(self._spool.root, self._ledger)
        if next(self._adoption, None) is None:
            self._adoption = None

    def _look_around(self) -> None:
        spool = self._spool
        spool.bytes_elsewhere = bytes_on_disk(spool.root, besides=spool.directory)
        if (share := spool.depth().share) > NEARLY_FULL:
            logger.error("spool nearly full", extra={"share": round(share, 2)})
