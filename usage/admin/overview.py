"""The first page of the admin: what went through lately, from the hourly sums."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from usage.models import HourlyUsage, UsageEvent

TOP = 5
FAILED = Q(status__in=[UsageEvent.Status.FAILED, UsageEvent.Status.INCOMPLETE])


@dataclass(frozen=True, slots=True)
class Period:
    """What went through in some hours up to now."""

    title: str
    answered: int
    attempts: int
    failed: int
    cost_usd: Decimal
    unpriced: int
    tokens: int
    errors_url: str
    url: str

    @property
    def failed_share(self) -> str:
        if not self.attempts:
            return "no attempts"
        share = 100 * self.failed / self.attempts
        return f"{share:.1f} % of {self.attempts:,} attempts"


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the context of the admin's index page."""
    context["title"] = "Overview"
    if not request.user.has_perm("usage.view_hourlyusage"):
        return context
    now = timezone.now()
    week = _since(now, days=7)
    context["periods"] = [
        _period("Last 24 hours", _since(now, days=1), "1"),
        _period("Last 7 days", week, "7"),
    ]
    context["top_models"] = _top(week, "provider", "model")
    context["top_projects"] = _top(week, "project_id", "project__slug")
    return context


def _since(now: datetime, *, days: int) -> QuerySet[HourlyUsage]:
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
    rows: QuerySet[HourlyUsage] = HourlyUsage.objects.filter(hour__gte=start)
    return rows.order_by()


def _period(title: str, rows: QuerySet[HourlyUsage], days: str) -> Period:
    sums = rows.aggregate(
        answered=Sum("requests", default=0, filter=Q(status=UsageEvent.Status.OK)),
        attempts=Sum("events", default=0, filter=Q(kind=UsageEvent.Kind.ATTEMPT)),
        failed=Sum("events", default=0, filter=FAILED),
        cost_usd=Sum("cost_usd", default=Decimal(0)),
        unpriced=Sum("unpriced", default=0),
        tokens=Sum(F("input_tokens") + F("output_tokens"), default=0),
    )
    events = reverse("admin:usage_usageevent_changelist")
    hourly = reverse("admin:usage_hourlyusage_changelist")
    return Period(
        title=title,
        errors_url=f"{events}?{urlencode({'status': 'error'})}",
        url=f"{hourly}?{urlencode({'period': days})}",
        **sums,
    )


def _top(rows: QuerySet[HourlyUsage], *by: str) -> list[dict[str, Any]]:
    sums = (
        rows.values(*by)
        .annotate(total_events=Sum("events"), total_cost=Sum("cost_usd"))
        .order_by("-total_events")[:TOP]
    )
    hourly = reverse("admin:usage_hourlyusage_changelist")
    top = []
    for row in sums:
        if "model" in row:
            name = f"{row['provider']}/{row['model']}"
            query = {"provider": row["provider"], "model": row["model"]}
        else:
            name = row["project__slug"] or f"project {row['project_id']}"
            query = {"project__id__exact": row["project_id"]}
        top.append({**row, "name": name, "url": f"{hourly}?{urlencode(query)}"})
    return top
