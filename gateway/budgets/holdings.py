"""What this process holds of the present windows of budgets, and what it does with it."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.configuration.records import BudgetRecord

_Key = tuple[int, str, str, str]

_MOST_HOLDINGS = 20_000


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that waits for escrow; it is answered with an amount, or None."""

    answer: "asyncio.Future[int | None]"
    least: int
    most: int


class Holding:
    """Money in nano-USD. `lease` is what PostgreSQL holds for this process.

    Of it, `reserved` is for attempts under way and `pending` was spent by attempts
    whose events are not in the database yet. `free` and `spent` are as last heard.
    A budget that is not hard has no lease: what is reserved is only counted.
    """

    __slots__ = (
        "budget",
        "changes",
        "ends_at",
        "free",
        "is_filling",
        "lease",
        "pending",
        "reserved",
        "seen_at",
        "settled_at",
        "spent",
        "starts_at",
        "subject",
        "trusted_until",
        "used_at",
        "waiters",
        "window",
        "would_refuse",
    )

    def __init__(self, budget: BudgetRecord, subject: str) -> None:
        self.budget = budget
        self.subject = subject
        self.window = 0
        self.starts_at = 0
        self.ends_at = math.inf
        self.lease = self.reserved = self.pending = 0
        self.spent = self.free = 0
        self.would_refuse = 0
        # Raised by whatever changes the lease, so that what was read meanwhile is old.
        self.changes = 0
        self.seen_at = -math.inf
        self.trusted_until = -math.inf
        self.settled_at = self.used_at = time.monotonic()
        self.waiters: deque[Waiter] = deque()
        self.is_filling = False

    @property
    def available(self) -> int:
        return self.lease - self.reserved - self.pending

    @property
    def is_idle(self) -> bool:
        return not (
            (self.lease > 0 and self.window)
            or self.reserved
            or self.pending
            or self.waiters
            or self.would_refuse
            or self.is_filling
        )

    def reserve(self, amount: int, now: float) -> bool:
        """Reserve at once, or say that it must be waited for."""
        if (
            self.lease - self.reserved - self.pending < amount
            or now >= self.trusted_until
            or self.waiters
        ):
            return False
        self.reserved += amount
        self.used_at = now
        return True

    def count(self, amount: int, now: float) -> bool:
        """Note what a budget that refuses nothing is to pay; say whether it is enough."""
        self.reserved += amount
        self.used_at = now
        if not self.window:
            return True
        spent = self.spent + self.pending + self.reserved
        return spent <= self.budget.amount_nano

    def settle(self, reserved: int, cost: int) -> None:
        """Give back what was reserved; `cost` is on its way to the database."""
        self.reserved -= reserved
        if cost:
            self.pending += cost
            self.settled_at = time.monotonic()

    def grant(self, *, is_final: bool) -> None:
        """Answer those who wait, in turn, as far as the money goes.

        If there is no more to be had (`is_final`), those who can do with less get what
        is there, and the others nothing.
        """
        waiting: deque[Waiter] = deque()
        while self.waiters:
            waiter = self.waiters.popleft()
            if waiter.answer.done():
                continue
            available = self.available
            if available >= waiter.most:
                amount = waiter.most
            elif is_final and available >= waiter.least:
                amount = available
            elif is_final:
                waiter.answer.set_result(None)
                continue
            else:
                waiting.append(waiter)
                continue
            self.reserved += amount
            waiter.answer.set_result(amount)
        self.waiters = waiting

    def fail(self, error: Exception) -> None:
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.answer.done():
                waiter.answer.set_exception(error)
                # Whoever asked may be gone.
                waiter.answer.exception()


class Holdings:
    """Those of all budgets that this process is at work with."""

    def __init__(self) -> None:
        self._present: dict[_Key, Holding] = {}
        # By budget, subject and start, those of past windows among them.
        self._opened: dict[tuple[int, str, int], Holding] = {}

    def of(self, budget: BudgetRecord, subject: str) -> Holding:
        """Return the holding of the present window."""
        key = (budget.id, budget.per, budget.time_zone, subject)
        found = self._present.get(key)
        if found is None or found.ends_at <= time.time():
            self._present[key] = found = Holding(budget, subject)
            if len(self._present) > _MOST_HOLDINGS:
                self.forget_idle(0.0)
        elif found.budget is not budget:
            found.budget = budget
            # What was heard of it before it was changed says nothing any more.
            found.seen_at = -math.inf
        return found

    def opened(self, budget_id: int, subject: str, starts_at: int) -> Holding | None:
        """Return the holding of a window, if this process has opened it."""
        return self._opened.get((budget_id, subject, starts_at))

    def note_opened(self, holding: Holding) -> None:
        key = (holding.budget.id, holding.subject, holding.starts_at)
        self._opened[key] = holding

    def forget_idle(self, idle_s: float) -> None:
        """Forget those that are not in use, and have not been for so long."""
        now, clock = time.monotonic(), time.time()
        for key, holding in [*self._opened.items()]:
            old = now - holding.used_at > idle_s or holding.ends_at <= clock
            if old and holding.is_idle:
                del self._opened[key]
        for place, holding in [*self._present.items()]:
            if holding.is_idle and now - holding.used_at > idle_s:
                del self._present[place]

    def __iter__(self) -> Iterator[Holding]:
        return iter({*self._opened.values(), *self._present.values()})

    def __len__(self) -> int:
        return len({*self._opened.values(), *self._present.values()})
