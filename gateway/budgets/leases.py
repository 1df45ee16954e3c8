"""What PostgreSQL holds for this process: renewed, and given back when it is spare."""

import time
from collections.abc import Callable, Collection, Mapping

from gateway.budgets import statements
from gateway.budgets.holdings import Holding, Holdings
from gateway.budgets.statements import LEASE_SECONDS
from gateway.configuration.database_threads import DatabaseThreads

# A lease is not trusted to its last moment: clocks and answers take time.
_MARGIN_SECONDS = 10.0
_IDLE_SECONDS = 10.0
# By then what was settled has been shipped, or refused for good.
_SHIPPED_SECONDS = 10.0
# Where less than so many times what is spare here is free, others may need it more.
_PLENTY = 4


class Leases:
    """Those on the windows of the budgets that this process is at work with."""

    def __init__(
        self,
        worker: str,
        holdings: Holdings,
        threads: DatabaseThreads,
        is_shipped: Callable[[], bool],
    ) -> None:
        self._worker = worker
        self._holdings = holdings
        self._threads = threads
        self._is_shipped = is_shipped

    async def tend(self) -> Collection[Holding]:
        """Renew what is held, give back what is not needed, forget what has ended.

        Returns the holdings that PostgreSQL was asked about.
        """
        self._holdings.forget_idle(_IDLE_SECONDS)
        known = {each.window: each for each in self._holdings if each.window}
        if not known:
            return ()
        await self._give_back(known)
        await self._tell_refusals(known)
        await self._renew(known)
        return known.values()

    async def _give_back(self, known: Mapping[int, Holding]) -> None:
        now, is_shipped = time.monotonic(), self._is_shipped()
        surplus: list[tuple[int, int]] = []
        for window, holding in known.items():
            if is_shipped and now - holding.settled_at > _SHIPPED_SECONDS:
                holding.pending = 0
            if amount := _surplus(holding, now):
                holding.lease -= amount
                holding.changes += 1
                surplus.append((window, amount))
        if surplus:
            await self._threads.read(statements.give_back, self._worker, surplus)

    async def _tell_refusals(self, known: Mapping[int, Holding]) -> None:
        counts = {w: each.would_refuse for w, each in known.items()}
        found = [(window, count) for window, count in counts.items() if count]
        if found:
            await self._threads.read(statements.count_refusals, found)
            for window, count in found:
                known[window].would_refuse -= count

    async def _renew(self, known: Mapping[int, Holding]) -> None:
        before = {each: (each.changes, each.lease) for each in known.values()}
        began = time.monotonic()
        for seen in await self._threads.read(statements.renew, self._worker, [*known]):
            holding = known[seen.window]
            changes, lease = before[holding]
            holding.spent, holding.free = seen.spent, seen.free
            holding.seen_at = time.monotonic()
            if seen.held < 0:
                # It has run out while PostgreSQL was away, and others may have it now.
                holding.lease -= lease
                continue
            holding.trusted_until = trusted_from(began)
            is_quiet = holding.changes == changes and not holding.is_filling
            if is_quiet and not holding.pending:
                holding.lease = seen.held


def trusted_from(began: float) -> float:
    """Return until when a lease holds for sure that was asked for at that moment."""
    return began + LEASE_SECONDS - _MARGIN_SECONDS


def _surplus(holding: Holding, now: float) -> int:
    """Return what nobody here needs: of a past or idle window, or when little is left."""
    available = holding.available
    if available <= 0 or holding.waiters or holding.is_filling:
        return 0
    is_over = holding.ends_at <= time.time() or holding.budget.mode != "hard"
    is_idle = now - holding.used_at > _IDLE_SECONDS
    is_tight = holding.free < _PLENTY * available
    return available if is_over or is_idle or is_tight else 0
