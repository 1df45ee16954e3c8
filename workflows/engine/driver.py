"""One run in one worker: take a turn, do what was claimed, report, and again."""

import asyncio
import contextlib
import logging
import math
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.utils import timezone

from workflows.actions.outcomes import Outcome
from workflows.engine.claims import Claimed, Report, Turn

logger = logging.getLogger(__name__)

# What is due later than this is left to who looks for runs that are due.
_LINGER_S = 20.0
_SHORTEST_PAUSE_S = 0.01
_LONGEST_BACKOFF_S = 5.0


class Shop(Protocol):
    """What a driver needs of the worker it lives in."""

    async def take_turn(
        self, run_id: UUID, reports: list[Report], held: frozenset[UUID]
    ) -> Turn: ...

    async def perform(self, claimed: Claimed) -> Outcome: ...

    def wake(self, run_id: UUID) -> None: ...

    async def cancel(self, run_id: UUID) -> None: ...


class Driver:
    """Looks after a run for as long as there is something to do about it here."""

    def __init__(self, run_id: UUID, shop: Shop) -> None:
        self.run_id = run_id
        self._shop = shop
        self._signal = asyncio.Event()
        self._reports: list[Report] = []
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def wake(self) -> None:
        self._signal.set()

    @property
    def claims(self) -> list[UUID]:
        return list(self._tasks)

    def drop(self, claim: UUID) -> None:
        """Stop what is done under a claim that counts no more."""
        if (task := self._tasks.pop(claim, None)) is not None:
            task.cancel()

    async def drive(self) -> None:
        """Go on until the run is over, or what comes next is far away."""
        failures = 0
        try:
            while True:
                self._signal.clear()
                reports, self._reports = self._reports, []
                try:
                    turn = await self._shop.take_turn(
                        self.run_id, reports, frozenset(self._tasks)
                    )
                except Exception:
                    failures += 1
                    self._reports = reports + self._reports
                    logger.warning(
                        "run not looked at",
                        extra={"run": str(self.run_id), "failures": failures},
                        exc_info=failures == 1,
                    )
                    await asyncio.sleep(min(0.1 * 2**failures, _LONGEST_BACKOFF_S))
                    continue
                failures = 0
                await self._obey(turn)
                if turn.is_over or not await self._has_more(turn.next_at):
                    return
        finally:
            for claim in list(self._tasks):
                self.drop(claim)

    async def _obey(self, turn: Turn) -> None:
        for run_id in turn.wake:
            self._shop.wake(run_id)
        for run_id in turn.cancel:
            await self._shop.cancel(run_id)
        for claim in set(self._tasks) - turn.live:
            self.drop(claim)
        for claimed in turn.claimed:
            task = asyncio.create_task(self._do(claimed))
            self._tasks[claimed.claim] = task

    async def _do(self, claimed: Claimed) -> None:
        outcome = await self._shop.perform(claimed)
        if self._tasks.pop(claimed.claim, None) is not None:
            self._reports.append(Report(claimed.id, claimed.claim, outcome))
            self._signal.set()

    async def _has_more(self, next_at: datetime | None) -> bool:
        """Wait until there is something to do; False when that is far away."""
        pause_s = math.inf
        if next_at is not None:
            pause_s = (next_at - timezone.now()).total_seconds()
        if self._signal.is_set():
            return True
        if pause_s > _LINGER_S:
            if not self._tasks:
                return False
            pause_s = _LINGER_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(pause_s, _SHORTEST_PAUSE_S)):
                await self._signal.wait()
        return True
