"""Lists of the overview: what was used most, and what asks for attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import DecimalField, ExpressionWrapper, F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from catalog.models import Provider, ProviderCheck
from tenants.access import seen_by, sees_some
from tenants.models import Approval, Budget
from tenants.roles import Reach
from usage.admin.dashboard.choice import Choice
from usage.analytics.dimensions import labels_of
from usage.analytics.open_breakers import OpenBreaker, open_breakers
from usage.analytics.reading import Sums, tops_of
from usage.budget_figures import BudgetFigures, figures_of
from usage.models import BudgetWindow
from usage.models.budget_window import NANO

TOP = 5
# A budget is about to end when so much of it is spent, or when it will be at this pace.
_NEARLY = Decimal(80)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    url: str
    events: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """How a provider does: its traffic, its last check, and what is left alone of it."""

    name: str
    url: str
    events: int
    failed: str
    failed_url: str
    check: str
    check_url: str
    is_failing: bool
    breakers: list[OpenBreaker]


@dataclass(frozen=True, slots=True)
class BudgetRow:
    name: str
    url: str
    figures: BudgetFigures

    @property
    def percent(self) -> int:
        return int(self.figures.share)

    @property
    def is_over(self) -> bool:
        forecast = self.figures.forecast
        return forecast is not None and forecast > self.figures.limit


def top_projects(choice: Choice) -> list[Row]:
    found = tops_of(choice.selection("project_id"), TOP)
    labels = labels_of("project_id", [group[0] for group, *_ in found])
    return [
        Row(
            labels.get(pk, f"project {pk}"),
            choice.usage_url(project__id__exact=pk),
            events,
            cost,
        )
        for (pk,), events, cost in found
    ]


def top_models(choice: Choice) -> list[Row]:
    return [
        Row(
            f"{provider}/{model}",
            choice.usage_url(provider=provider, model=model),
            events,
            cost,
        )
        for (provider, model), events, cost in tops_of(
            choice.selection("provider", "model"), TOP
        )
    ]


def top_features(choice: Choice) -> list[Row]:
    return [
        Row(feature, choice.usage_url(feature=feature), events, cost)
        for (feature,), events, cost in tops_of(choice.selection("feature"), TOP)
    ]


def providers(
    choice: Choice, reach: Reach, used: Mapping[str, Sums]
) -> list[ProviderRow]:
    """Return the providers with traffic, which is `used`, and those that fail."""
    if not sees_some(reach, Provider):
        return []
    checks = ProviderCheck.objects.filter(provider=OuterRef("pk"))
    checks = checks.order_by("-checked_at")
    rows = Provider.objects.filter(seen_by(reach, Provider), active=True).annotate(
        check_status=Subquery(checks.values("status")[:1]),
        check_latency=Subquery(checks.values("latency_ms")[:1]),
        check_message=Subquery(checks.values("message")[:1]),
    )
    shown = rows.filter(Q(slug__in=used) | Q(check_status="failing")).order_by("slug")
    by_provider: dict[str, list[OpenBreaker]] = {}
    for breaker in open_breakers():
        by_provider.setdefault(breaker.provider, []).append(breaker)
    return [
        _provider_row(
            choice, row, used.get(row.slug, Sums()), by_provider.get(row.slug, [])
        )
        for row in shown[:20]
    ]


def _provider_row(
    choice: Choice, row: Any, sums: Sums, breakers: list[OpenBreaker]
) -> ProviderRow:
    checks = reverse("admin:catalog_providercheck_changelist")
    said = row.check_message or (
        f"{row.check_latency} ms" if row.check_latency is not None else "ok"
    )
    rate = sums.error_rate
    return ProviderRow(
        name=row.slug,
        url=choice.usage_url(provider=row.slug),
        events=sums.events,
        failed="" if rate is None else f"{100 * rate:.1f} %",
        failed_url=choice.usage_url(provider=row.slug, status="error"),
        check=said if row.check_status else "not checked",
        check_url=f"{checks}?{urlencode({'provider__id__exact': row.pk})}",
        is_failing=row.check_status == ProviderCheck.Status.FAILING,
        breakers=breakers,
    )


def ending_budgets(choice: Choice, reach: Reach) -> list[BudgetRow]:
    """Return the budgets that are spent most, of those that are about to end."""
    if not sees_some(reach, Budget):
        return []
    share = ExpressionWrapper(
        F("spent_nano") * Decimal(100) / (F("budget__amount_usd") * NANO),
        output_field=DecimalField(max_digits=30, decimal_places=6),
    )
    windows = (
        BudgetWindow.objects.current()
        .filter(
            budget__in=_of_choice(
                Budget.objects.filter(seen_by(reach, Budget), active=True), choice
            ),
            budget__amount_usd__gt=0,
            spent_nano__gt=0,
        )
        .annotate(share=share)
        .order_by("-share")
        .values_list("budget_id", flat=True)[: 10 * TOP]
    )
    budgets = Budget.objects.select_related(
        "project", "organization", "api_key", "end_user"
    ).in_bulk(list(dict.fromkeys(windows)))
    found = figures_of(budgets.values())
    rows = [
        BudgetRow(
            _budget_name(budget),
            reverse("admin:tenants_budget_change", args=[pk]),
            found[pk],
        )
        for pk, budget in budgets.items()
    ]
    ending = [row for row in rows if row.figures.share >= _NEARLY or row.is_over]
    return sorted(ending, key=lambda row: -row.figures.share)[:TOP]


def _budget_name(budget: Budget) -> str:
    owner = budget.project or budget.organization
    period = "in total" if budget.per == Budget.Per.TOTAL else f"per {budget.per}"
    return f"{owner}: ${budget.amount_usd.normalize():,f} {period}, {budget.mode}"


def _of_choice(budgets: Any, choice: Choice) -> Any:
    if choice.organization is not None:
        budgets = budgets.filter(
            Q(organization=choice.organization)
            | Q(project__organization=choice.organization)
        )
    if choice.project is not None:
        budgets = budgets.filter(project=choice.project)
    return budgets


def waiting_approvals(choice: Choice, reach: Reach) -> dict[str, Any] | None:
    """Return how many wait, and the oldest; None to those who may not see any."""
    if not sees_some(reach, Approval):
        return None
    rows = Approval.objects.filter(
        seen_by(reach, Approval),
        state=Approval.State.PENDING,
        expires_at__gt=timezone.now(),
    )
    if choice.organization is not None:
        rows = rows.filter(project__organization=choice.organization)
    if choice.project is not None:
        rows = rows.filter(project=choice.project)
    listed = rows.select_related("project").order_by("requested_at")
    query = {
        "state__exact": Approval.State.PENDING.value,
        **choice.scope(organization="project__organization"),
    }
    url = reverse("admin:tenants_approval_changelist")
    return {
        "count": rows.count(),
        "rows": listed[:TOP],
        "url": f"{url}?{urlencode(query)}",
    }
