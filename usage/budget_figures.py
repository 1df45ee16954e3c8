"""How a budget stands: spent, reserved, left, and what it comes to at this pace."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from tenants.models import Budget
from usage.models import BudgetLease, BudgetWindow
from usage.models.budget_window import usd

# Before so much of a period has passed its pace says nothing.
_EARLY = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class BudgetFigures:
    """The present period of a budget; of each end user's budget the most spent one.

    Money is in USD. `forecast` is None in total and at the beginning of a period.
    """

    limit: Decimal
    spent: Decimal
    reserved: Decimal
    starts_at: datetime | None
    ends_at: datetime | None
    subject: str = ""
    unpriced: int = 0
    would_refuse: int = 0
    forecast: Decimal | None = None

    @property
    def left(self) -> Decimal:
        return max(self.limit - self.spent - self.reserved, Decimal(0))

    @property
    def share(self) -> Decimal:
        """Return how much of it is spent, in percent."""
        if not self.limit:
            return Decimal(100)
        return self.spent / self.limit * 100


def figures_of(budgets: Iterable[Budget]) -> dict[int, BudgetFigures]:
    """Return the figures of budgets by their ids, in one query."""
    known = {budget.pk: budget for budget in budgets}
    held = (
        BudgetLease.objects.filter(window=OuterRef("pk"))
        .order_by()
        .values("window")
        .annotate(amount=Sum("amount_nano"))
        .values("amount")
    )
    windows = (
        BudgetWindow.objects.current()
        .filter(budget__in=known)
        .annotate(held=Coalesce(Subquery(held), 0))
        .order_by("budget_id", "-spent_nano")
        .distinct("budget_id")
    )
    found = {window.budget_id: window for window in windows}
    return {pk: _figures(budget, found.get(pk)) for pk, budget in known.items()}


def _figures(budget: Budget, window: BudgetWindow | None) -> BudgetFigures:
    nothing = Decimal(0)
    if window is None:
        return BudgetFigures(budget.amount_usd, nothing, nothing, None, None)
    spent = usd(window.spent_nano)
    return BudgetFigures(
        limit=budget.amount_usd,
        spent=spent,
        reserved=usd(window.held),  # type: ignore[attr-defined]
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        subject=window.subject,
        unpriced=window.unpriced,
        would_refuse=window.would_refuse,
        forecast=_forecast(window, spent),
    )


def _forecast(window: BudgetWindow, spent: Decimal) -> Decimal | None:
    if window.ends_at is None:
        return None
    passed = (timezone.now() - window.starts_at) / (window.ends_at - window.starts_at)
    share = min(Decimal(passed), Decimal(1))
    return spent / share if share >= _EARLY else None
