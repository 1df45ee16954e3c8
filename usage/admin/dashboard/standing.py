"""How one project stands: its budgets, its limits, and its keys that end soon."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from tenants.models import ApiKey, Budget, Limit, Project
from usage.admin.dashboard.panels import BudgetRow
from usage.analytics.limit_levels import limit_levels
from usage.budget_figures import figures_of

_SHOWN = 8
_SOON = timedelta(days=30)
# From here on a limit is near.
_NEAR = 80


@dataclass(frozen=True, slots=True)
class LimitRow:
    """`percent` is how much of it is used now, None where nobody can tell."""

    name: str
    url: str
    percent: int | None
    is_shadow: bool

    @property
    def is_near(self) -> bool:
        return self.percent is not None and self.percent >= _NEAR


@dataclass(frozen=True, slots=True)
class KeyRow:
    key: ApiKey
    is_over: bool


def budgets_of(project: Project) -> list[BudgetRow]:
    """Return its budgets and its organization's, the most spent first."""
    rows = Budget.objects.filter(
        Q(project=project) | Q(organization=project.organization_id), active=True
    ).select_related("project", "organization", "api_key", "end_user")
    known = list(rows[:100])
    figures = figures_of(known)
    found = [
        BudgetRow(
            _budget_name(budget),
            reverse("admin:tenants_budget_change", args=[budget.pk]),
            figures[budget.pk],
        )
        for budget in known
    ]
    return sorted(found, key=lambda row: -row.figures.share)[:_SHOWN]


def limits_of(project: Project) -> list[LimitRow]:
    """Return its limits, the most used first."""
    levels = limit_levels(project.pk)
    rows = Limit.objects.filter(project=project, active=True).select_related(
        "api_key", "end_user"
    )
    found = [
        LimitRow(
            _limit_name(limit),
            reverse("admin:tenants_limit_change", args=[limit.pk]),
            round(100 * levels[limit.pk]) if limit.pk in levels else None,
            limit.shadow,
        )
        for limit in rows.order_by("end_user_id", "pk")[:200]
    ]
    return sorted(found, key=_least_used_last)[:_SHOWN]


def ending_keys_of(project: Project) -> list[KeyRow]:
    """Return the keys that end soon, or have just ended, and have no successor."""
    now = timezone.now()
    keys = ApiKey.objects.filter(
        project=project,
        revoked_at=None,
        rotated_to=None,
        expires_at__gt=now - _SOON,
        expires_at__lte=now + _SOON,
    ).order_by("expires_at")
    return [
        KeyRow(key, key.expires_at is not None and key.expires_at <= now)
        for key in keys[:_SHOWN]
    ]


def _least_used_last(row: LimitRow) -> float:
    return 1 if row.percent is None else -row.percent


def _budget_name(budget: Budget) -> str:
    period = "in total" if budget.per == Budget.Per.TOTAL else f"per {budget.per}"
    whose = "the organization" if budget.organization_id else ""
    if budget.api_key is not None:
        whose = budget.api_key.name
    elif budget.end_user is not None:
        whose = str(budget.end_user)
    told = f"${budget.amount_usd.normalize():f} {period}, {budget.mode}"
    return f"{told}, of {whose}" if whose else told


def _limit_name(limit: Limit) -> str:
    period = f" per {limit.per}" if limit.per else " at a time"
    metric = "requests" if limit.metric == Limit.Metric.CONCURRENCY else limit.metric
    scope = [
        f"key {limit.api_key.name}" if limit.api_key is not None else "",
        f"end user {limit.end_user}" if limit.end_user is not None else "",
        "each end user" if limit.each_end_user else "",
        f"alias {limit.alias}" if limit.alias else "",
    ]
    named = ", ".join(filter(None, scope))
    told = f"{limit.amount:,} {metric}{period}"
    return f"{told} ({named})" if named else told
