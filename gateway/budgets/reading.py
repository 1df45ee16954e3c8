"""How the budgets of a request stand, for who only looks: by the database's account."""

import time
from collections.abc import Iterator

from gateway.budgets import statements
from gateway.budgets.holdings import Holding
from gateway.budgets.purse import budgets_for
from gateway.budgets.sieve import HARD, Sieve, sift
from gateway.candidates import Candidates
from gateway.configuration.records import BudgetRecord, KeyRecord
from gateway.types import InferenceRequest


def stored_sieve(request: InferenceRequest, key: KeyRecord) -> Sieve:
    """Return what drops candidates that are too dear for what is left."""

    def sieve(found: Candidates) -> None:
        budgets = budgets_for(request, key, found)
        subject = request.attribution.end_user
        sift(found, request, found.input_tokens, _holdings(budgets, subject))

    return sieve


def _holdings(budgets: list[BudgetRecord], subject: str) -> Iterator[Holding]:
    for budget in budgets:
        if budget.mode != HARD:
            continue
        holding = Holding(budget, subject if budget.each_end_user else "")
        opened = statements.open_window(budget.id, holding.subject)
        if opened is not None:
            holding.window, holding.free = opened.window, opened.free
            holding.seen_at = time.monotonic()
            yield holding
