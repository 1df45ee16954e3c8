"""The budgets that one request is charged to."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.budgets.amounts import Bounds, bounds_of, nano_of
from gateway.budgets.escrow import Escrow, EscrowUnavailable
from gateway.budgets.holdings import Holding
from gateway.budgets.sieve import HARD, Sieve, closer_bounds, sift
from gateway.candidates import Candidate, Candidates
from gateway.configuration.records import BudgetRecord, KeyRecord
from gateway.refusals import BudgetExceeded, Overloaded
from gateway.types import InferenceRequest
from gateway.upstream.errors import BudgetTooSmall

SHADOW = "shadow"
_PERIODS = {"day": "daily", "week": "weekly", "month": "monthly", "total": "total"}


class Hold:
    """What is reserved for one attempt, until it is settled; once is enough.

    `moment` is when the attempt counts as made, `most_output` how many tokens it may
    answer, where it may not answer as many as it could.
    """

    __slots__ = ("_escrow", "_parts", "is_taken", "moment", "most_output")

    def __init__(self, escrow: Escrow, parts: list[tuple[Holding, int]]) -> None:
        self._escrow = escrow
        self._parts = parts
        self.is_taken = False
        self.most_output: int | None = None
        self.moment = datetime.now(UTC)

    def add(self, holding: Holding, amount: int) -> None:
        self._parts.append((holding, amount))

    def fit(self, bounds: Bounds) -> None:
        """Let the answer be as long as the budget that has the least left pays for."""
        amounts = [n for holding, n in self._parts if holding.budget.mode == HARD]
        least = min(amounts, default=bounds.most)
        if least >= bounds.most:
            return
        for holding, reserved in self._parts:
            if reserved > least:
                self._escrow.release(holding, reserved - least)
        self._parts = [(h, min(reserved, least)) for h, reserved in self._parts]
        self.most_output = bounds.tokens_for(least)

    def settle(self, cost_usd: Decimal | None) -> None:
        """Book what the attempt has cost; None, for it is not known, counts nothing."""
        cost = nano_of(cost_usd) if cost_usd else 0
        parts, self._parts = self._parts, []
        for holding, amount in parts:
            self._escrow.release(holding, amount, cost)

    def release(self) -> None:
        """Give all of it back, unless an attempt has taken it on."""
        if not self.is_taken:
            self.settle(None)


class Purse:
    """Reserves for the attempts of one request."""

    __slots__ = ("_budgets", "_escrow", "_input_tokens", "_request", "_subject")

    def __init__(
        self,
        escrow: Escrow,
        budgets: list[BudgetRecord],
        request: InferenceRequest,
        input_tokens: int,
    ) -> None:
        self._escrow = escrow
        self._budgets = budgets
        self._request = request
        self._input_tokens = input_tokens
        self._subject = request.attribution.end_user

    async def hold(self, candidate: Candidate, *, may_bound: bool = True) -> Hold:
        """Reserve for an attempt at this target. Raises `BudgetTooSmall`.

        `may_bound` says that the target can be told how long its answer may be; else
        there must be enough for the longest.
        """
        bounds = bounds_of(self._request, candidate, self._input_tokens)
        if not may_bound:
            bounds = bounds._replace(least=bounds.most)
        now = time.monotonic()
        hold = Hold(self._escrow, [])
        is_close = False
        try:
            for holding in list(self._holdings()):
                if holding.budget.mode != HARD:
                    self._count(hold, holding, bounds, now)
                    continue
                if holding.reserve(bounds.most, now):
                    hold.add(holding, bounds.most)
                    continue
                if not is_close:
                    bounds = closer_bounds(bounds, self._request, candidate)
                    is_close = True
                if bounds.most:
                    hold.add(holding, await self._wait(holding, bounds))
        except BaseException:
            hold.release()
            raise
        hold.fit(bounds)
        return hold

    def sift(self, found: Candidates) -> None:
        """Drop those that are too dear for what is left, if others are not."""
        if len(found.able) > 1:
            sift(found, self._request, self._input_tokens, self._holdings())

    async def learn(self) -> None:
        """Find out what is left. Says nothing when that cannot be found out."""
        for holding in self._holdings():
            if holding.budget.mode == HARD:
                try:
                    await self._escrow.wait_for(holding, 0, 0)
                except EscrowUnavailable:
                    return

    def _holdings(self) -> Iterator[Holding]:
        for budget in self._budgets:
            subject = self._subject if budget.each_end_user else ""
            yield self._escrow.holdings.of(budget, subject)

    def _count(self, hold: Hold, holding: Holding, bounds: Bounds, now: float) -> None:
        if not holding.window:
            self._escrow.open_soon(holding)
        is_enough = holding.count(bounds.least, now)
        hold.add(holding, bounds.least)
        if not is_enough and holding.budget.mode == SHADOW:
            holding.would_refuse += 1
            self._escrow.would_refuse += 1

    async def _wait(self, holding: Holding, bounds: Bounds) -> int:
        try:
            amount = await self._escrow.wait_for(holding, bounds.least, bounds.most)
        except EscrowUnavailable as error:
            refusal = Overloaded(
                "The budget cannot be checked at the moment; try again shortly.",
                headers={"retry-after": "1"},
            )
            raise BudgetTooSmall(refusal) from error
        if amount is None:
            self._escrow.refusals += 1
            raise BudgetTooSmall(_refusal(holding, bounds))
        return amount


async def sieve_for(
    request: InferenceRequest, key: KeyRecord, escrow: Escrow | None
) -> Sieve | None:
    """Return what drops candidates that are too dear for what is left by now.

    None when there are no budgets.
    """
    budgets = _budgets_of(request, key)
    if not budgets or escrow is None:
        return None
    user = request.attribution.end_user
    known = [b for b in budgets if user or not b.each_end_user]
    await Purse(escrow, known, request, 0).learn()

    def sift(found: Candidates) -> None:
        purse = purse_for(request, key, found, escrow)
        if purse is not None:
            purse.sift(found)

    return sift


def purse_for(
    request: InferenceRequest,
    key: KeyRecord,
    candidates: Candidates,
    escrow: Escrow | None,
) -> Purse | None:
    """Return the purse of a request; None when no budget is for it."""
    if not key.project.budgets and request.end_user is None:
        return None
    budgets = budgets_for(request, key, candidates)
    if not budgets or escrow is None:
        return None
    return Purse(escrow, budgets, request, candidates.input_tokens)


def budgets_for(
    request: InferenceRequest, key: KeyRecord, candidates: Candidates
) -> list[BudgetRecord]:
    """Return the budgets that the request counts to."""
    user = request.attribution.end_user
    return [
        budget
        for budget in _budgets_of(request, key)
        if (budget.key_pk is None or budget.key_pk in {key.pk, key.holder_pk})
        and (not budget.end_user or budget.end_user == user)
        and (not budget.each_end_user or user)
        and (not budget.alias or budget.alias == candidates.alias)
    ]


def _budgets_of(request: InferenceRequest, key: KeyRecord) -> tuple[BudgetRecord, ...]:
    """Return those of the project, and those of the end user that it told of."""
    budgets = key.project.budgets
    if request.end_user is not None and request.end_user.budgets:
        return budgets + tuple(request.end_user.budgets)
    return budgets


def _refusal(holding: Holding, bounds: Bounds) -> BudgetExceeded:
    """Say which budget it is, without its figures where others share it."""
    budget = holding.budget
    whose = _whose(budget)
    name = f"The {_PERIODS[budget.per]} budget of {whose}"
    if budget.per == "total":
        name, anew = f"The budget of {whose}", "It does not begin anew"
    else:
        moment = datetime.fromtimestamp(holding.ends_at, ZoneInfo(budget.time_zone))
        anew = f"It begins anew at {moment.isoformat(timespec='minutes')}"
    if holding.spent + bounds.least > budget.amount_nano:
        what = (
            "is used up"
            if holding.spent >= budget.amount_nano
            else ("has too little left for this request")
        )
    else:
        what = "is held by requests that are under way"
    return BudgetExceeded(
        f"{name} {what}. {anew}; until then ask for less, or have it raised."
    )


def _whose(budget: BudgetRecord) -> str:
    if budget.of_organization:
        return "the organization"
    if budget.end_user or budget.each_end_user:
        return "this end user"
    if budget.key_pk is not None:
        return "this key"
    return "the alias" if budget.alias else "the project"
