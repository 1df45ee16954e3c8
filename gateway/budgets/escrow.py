"""Money of budgets for requests: from what is in memory, or taken from PostgreSQL.

A request that finds enough in memory asks nobody. The others wait while a thread takes
more from PostgreSQL, for all who wait together.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from django.db import DatabaseError

from gateway.budgets import statements
from gateway.budgets.holdings import Holding, Holdings, Waiter
from gateway.budgets.leases import Leases, trusted_from
from gateway.budgets.statements import LEASE_SECONDS
from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from usage.budgets import Booked

logger = logging.getLogger(__name__)

# How long a request waits for escrow.
WAIT_SECONDS = 0.25
# How long besides, when PostgreSQL has answered so lately that it will answer this, too:
# many are after the same money, or the machine is busy.
_BUSY_SECONDS = 2.0
_HEARD_SECONDS = 5.0
# How often those are asked again who hold money that may come back meanwhile.
_ASK_AGAIN_SECONDS = 0.06
# After an answer that nothing is left, or none at all, the next asker gets the same.
_SAME_ANSWER_SECONDS = 0.1
_TEND_SECONDS = 0.5
_STATEMENT_S = 2.0
_ANSWER_S = 5.0
# What was spent before a budget was made may take a while to count.
_OPENING_S = 120.0
_SPARE_NANO = 10**18

_OUTAGES = (ConfigurationUnavailable, DatabaseError)


class EscrowUnavailable(Exception):
    """Whether there is money left cannot be found out now."""


class Escrow:
    """Belongs to one event loop. `worker` is the name of the process's spool folder.

    `is_away` tells that PostgreSQL is known to be out of reach, `is_shipped` that no
    event waits to be written.
    """

    def __init__(
        self,
        worker: str,
        is_away: Callable[[], bool] = lambda: False,
        is_shipped: Callable[[], bool] = lambda: True,
    ) -> None:
        self.worker = worker
        self.refusals = 0
        self.would_refuse = 0
        self.warnings = 0
        self.holdings = Holdings()
        self._is_away = is_away
        self._threads = DatabaseThreads(
            2, statement_s=_STATEMENT_S, answer_s=_ANSWER_S, read_only=False
        )
        self._openings = DatabaseThreads(
            4, statement_s=_OPENING_S, answer_s=_OPENING_S, read_only=False
        )
        self._leases = Leases(worker, self.holdings, self._threads, is_shipped)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed_at = self._heard_at = -LEASE_SECONDS

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        # The configuration has just been read.
        self._heard_at = time.monotonic()
        self._spawn(self._tend_forever())

    async def stop(self, *, is_shipped: bool) -> None:
        """Give back all of it, unless events that it pays for are still on their way."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if is_shipped and any(each.window for each in self.holdings):
            with contextlib.suppress(*_OUTAGES):
                await self._threads.read(statements.give_all_back, self.worker)
        await self._threads.stop()
        await self._openings.stop()

    async def wait_for(self, holding: Holding, least: int, most: int) -> int | None:
        """Reserve when there is enough, or as much as there is; None: not even `least`.

        Raises `EscrowUnavailable`.
        """
        assert self._loop is not None  # noqa: S101  # Started before it is used.
        now = time.monotonic()
        if self._is_away() or now - self._failed_at < _SAME_ANSWER_SECONDS:
            if holding.available >= least and now < holding.trusted_until:
                amount = min(most, holding.available)
                holding.reserved += amount
                return amount
            raise EscrowUnavailable
        if (
            holding.free + holding.available < least
            and now - holding.seen_at < _SAME_ANSWER_SECONDS
            and not holding.is_filling
        ):
            return None
        waiter = Waiter(self._loop.create_future(), least, most)
        holding.used_at = now
        holding.waiters.append(waiter)
        self.fill(holding)
        answer = waiter.answer
        try:
            await asyncio.wait([answer], timeout=WAIT_SECONDS)
            if not answer.done() and now - self._heard_at < _HEARD_SECONDS:
                await asyncio.wait([answer], timeout=_BUSY_SECONDS)
        except asyncio.CancelledError:
            if not answer.done():
                answer.cancel()
            elif not answer.exception():
                self.release(holding, answer.result() or 0)
            raise
        if answer.done():
            return answer.result()
        answer.cancel()
        is_heard = holding.seen_at >= now
        if is_heard and holding.free + holding.available < least:
            return None
        # It said nothing, or that there is enough, which could not be had in time.
        raise EscrowUnavailable

    def release(self, holding: Holding, amount: int, cost: int = 0) -> None:
        """Give back what was reserved; `cost` of it is spent."""
        holding.settle(amount, cost)
        if holding.waiters:
            holding.grant(is_final=False)

    def open_soon(self, holding: Holding) -> None:
        """Open a holding that nobody waits for."""
        now = time.monotonic()
        if not self._is_away() and now - self._failed_at > _TEND_SECONDS:
            self.fill(holding)

    def fill(self, holding: Holding) -> None:
        """See to it that the holding is open, and those who wait are answered."""
        if not holding.is_filling:
            holding.is_filling = True
            self._spawn(self._fill(holding))

    def booked(self, booked: Sequence[Booked]) -> None:
        """Take note of what has been written; called from the thread that writes."""
        if self._loop is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._note, booked)

    def _note(self, booked: Sequence[Booked]) -> None:
        for each in booked:
            self.warnings += len(each.crossed)
            holding = self.holdings.opened(each.budget_id, each.subject, each.starts_at)
            if holding is None:
                continue
            holding.spent = each.spent
            if each.worker == self.worker:
                holding.changes += 1
                holding.pending = max(0, holding.pending - each.nano)
                holding.lease -= each.taken

    async def _fill(self, holding: Holding) -> None:
        try:
            if not holding.window:
                await self._open(holding)
            if holding.budget.mode == "hard":
                await self._take_for_all(holding)
        except _OUTAGES as error:
            self._failed_at = time.monotonic()
            logger.warning("budget not read", extra={"reason": str(error)})
            holding.fail(EscrowUnavailable())
        except Exception:
            logger.exception("budget not read")
            holding.fail(EscrowUnavailable())
            raise
        finally:
            holding.is_filling = False

    async def _open(self, holding: Holding) -> None:
        opened = await self._openings.read(
            statements.open_window, holding.budget.id, holding.subject
        )
        if opened is None:
            # It has just been deleted, and counts for nothing any more.
            holding.lease = _SPARE_NANO
            holding.trusted_until = time.monotonic() + LEASE_SECONDS
            return
        self._heard_at = time.monotonic()
        holding.window, holding.starts_at = opened.window, opened.starts_at
        if opened.ends_at is not None:
            holding.ends_at = opened.ends_at
        holding.spent, holding.free = opened.spent, opened.free
        self.holdings.note_opened(holding)

    async def _take_for_all(self, holding: Holding) -> None:
        """Take what those who wait need, until each of them has an answer."""
        give_up_at = time.monotonic() + WAIT_SECONDS - 2 * _ASK_AGAIN_SECONDS
        while True:
            if time.monotonic() < holding.trusted_until:
                holding.grant(is_final=False)
            if not holding.waiters:
                return
            if holding.window:
                await self._take(holding)
                holding.grant(is_final=False)
                if holding.waiters and holding.free:
                    # They came while it was taken for others, and there is more.
                    continue
            if time.monotonic() >= give_up_at or self._is_nobody_elses(holding):
                holding.grant(is_final=True)
            if not holding.waiters:
                return
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def _take(self, holding: Holding) -> None:
        began = time.monotonic()
        wanted = sum(w.most for w in holding.waiters if not w.answer.done())
        needed = max(0, wanted - holding.available)
        taken = await self._threads.read(
            statements.take, holding.window, self.worker, needed, _SPARE_NANO
        )
        if taken is None:
            # Deleted with its budget.
            holding.window, holding.lease = 0, _SPARE_NANO
            holding.trusted_until = began + LEASE_SECONDS
            return
        holding.changes += 1
        holding.lease += taken.granted
        holding.spent, holding.free = taken.spent, taken.free
        holding.seen_at = self._heard_at = time.monotonic()
        holding.trusted_until = trusted_from(began)

    def _is_nobody_elses(self, holding: Holding) -> bool:
        """Say whether no money is held by requests or processes that may give it back."""
        held = holding.budget.amount_nano - holding.spent - holding.free
        return held <= holding.available

    async def _tend_forever(self) -> None:
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            try:
                await self._tend()
            except _OUTAGES as error:
                self._failed_at = time.monotonic()
                logger.info("budgets not renewed", extra={"reason": str(error)})
            except Exception:
                logger.exception("budgets not renewed")

    async def _tend(self) -> None:
        if self._is_away():
            return
        renewed = await self._leases.tend()
        if renewed:
            self._heard_at = time.monotonic()
        for holding in renewed:
            if holding.budget.mode == "hard" and holding.available < 0:
                await self._take(holding)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="budget escrow")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
