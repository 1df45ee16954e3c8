"""What is found in usage: errors, latency, spend, prices, models that go."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Q, Sum
from django.urls import reverse
from django.utils import timezone

from catalog.models import AIModel
from tenants.models import Project
from usage.alerts.findings import Finding, columns_within
from usage.models import AlertRule, DailyShare, HourlyTotal, HourlyUsage

# What its client had to answer for is no fault of a model.
_CLIENTS_FAULT = (400, 404, 413, 422)
_WEEKS = 8
# With less of a past there is nothing that is usual.
_LEAST_WEEKS = 3
# By so much of the median spend varies without anybody wondering.
_USUAL_SHARE = Decimal("0.1")
# How far the deviations of a normal distribution are from their median.
_NORMAL = Decimal("1.4826")
_HOUR = timedelta(hours=1)
# Until an hour is summed up.
_SUMMED_AFTER = timedelta(minutes=2)
_IN_USE_DAYS = 7


def error_rates(rule: AlertRule) -> Iterator[Finding]:
    """Find models of which more attempts fail than the threshold allows."""
    for name, attempts, failed, _ in _attempts(rule):
        if attempts < rule.at_least or 100 * failed <= rule.threshold * attempts:
            continue
        rate = 100 * failed / attempts
        yield Finding(
            subject=name,
            title=f"{name}: {rate:.0f} % of attempts fail",
            text=(
                f"{failed} of {attempts} in the last {rule.window_minutes} minutes; "
                f"the bound is {rule.threshold.normalize():f} %."
            ),
            link=_events_of(name),
            facts={"model": name, "attempts": attempts, "failed": failed},
            organization=rule.organization,
            project=rule.project,
        )


def slow_models(rule: AlertRule) -> Iterator[Finding]:
    """Find models whose p95 is above the threshold."""
    for name, attempts, failed, p95 in _attempts(rule, with_latency=True):
        if p95 is None or attempts - failed < rule.at_least or p95 <= rule.threshold:
            continue
        yield Finding(
            subject=name,
            title=f"{name}: p95 is {p95:,.0f} ms",
            text=(
                f"Of {attempts - failed} answers in the last {rule.window_minutes} "
                f"minutes; the bound is {rule.threshold:,.0f} ms."
            ),
            link=_events_of(name),
            facts={"model": name, "p95_ms": round(p95), "attempts": attempts},
            organization=rule.organization,
            project=rule.project,
        )


def _attempts(
    rule: AlertRule, *, with_latency: bool = False
) -> list[tuple[str, int, int, float | None]]:
    """Return attempts and failures of each model in the rule's window, and its p95."""
    now = timezone.now()
    values: list[Any] = [
        list(_CLIENTS_FAULT),
        now - timedelta(minutes=rule.window_minutes),
        now,
    ]
    condition = ""
    for column, ids in columns_within(rule).items():
        condition += f" AND {column} = ANY(%s)"
        values.append(ids)
    p95 = "NULL"
    if with_latency:
        p95 = (
            "percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) "
            "FILTER (WHERE status = 'ok')"
        )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT provider || '/' || model, count(*),
                count(*) FILTER (WHERE status IN ('failed', 'incomplete')
                    AND coalesce(http_status, 0) <> ALL(%s)),
                {p95}
            FROM usage_usageevent
            WHERE occurred_at >= %s AND occurred_at < %s AND kind = 'attempt'
                AND status IN ('ok', 'failed', 'incomplete'){condition}
            GROUP BY provider, model ORDER BY 1
            """,  # noqa: S608
            values,
        )
        return list(cursor.fetchall())


def unusual_spend(rule: AlertRule) -> Iterator[Finding]:
    """Find projects that spent far more than in the same hour of the weeks before.

    How far is told by the median and the median deviation, which a single dear hour of
    the past does not move.
    """
    now = timezone.now()
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - _HOUR
    if now < hour + _HOUR + _SUMMED_AFTER:
        hour -= _HOUR
    spent = _spent_by_hour(rule, hour)
    projects = Project.objects.select_related("organization").in_bulk(
        [pk for (pk, at), cost in spent.items() if at == hour and cost >= rule.at_least]
    )
    for pk, project in projects.items():
        weeks = min((hour - project.created_at) // timedelta(weeks=1), _WEEKS)
        if weeks < _LEAST_WEEKS:
            continue
        past = [
            spent.get((pk, hour - timedelta(weeks=number)), Decimal(0))
            for number in range(1, weeks + 1)
        ]
        cost, bound = spent[pk, hour], usual_bound(past, rule.threshold)
        if cost <= bound:
            continue
        usual = median(past)
        yield Finding(
            subject=project.slug,
            title=f"{project}: {cost:.2f} USD in an hour is out of the usual",
            text=(
                f"From {hour:%Y-%m-%d %H:%M} UTC on. In the same hour of the last "
                f"{weeks} weeks it was {usual:.2f} USD by the median."
            ),
            link=f"{reverse('admin:usage_hourlyusage_changelist')}?"
            + urlencode({"period": 1, "project__id__exact": pk}),
            facts={
                "spent_usd": f"{cost:f}",
                "usual_usd": f"{usual:f}",
                "hour": hour.isoformat(),
            },
            project=project,
        )


def usual_bound(past: list[Decimal], threshold: Decimal) -> Decimal:
    """Return what is just not out of the usual after such a past."""
    middle = median(past)
    spread = median([abs(each - middle) for each in past])
    return middle + threshold * max(_NORMAL * spread, _USUAL_SHARE * middle)


def _spent_by_hour(
    rule: AlertRule, hour: datetime
) -> dict[tuple[int, datetime], Decimal]:
    when = Q()
    for number in range(_WEEKS + 1):
        begin = hour - timedelta(weeks=number)
        when |= Q(hour__gte=begin, hour__lt=begin + _HOUR)
    rows = HourlyTotal.objects.filter(when, **_named_in(columns_within(rule)))
    found: dict[tuple[int, datetime], Decimal] = {}
    for pk, at, cost in (
        rows.order_by().values_list("project_id", "hour").annotate(cost=Sum("cost_usd"))
    ):
        # Parts of an hour are counted to it.
        whole = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        found[pk, whole] = found.get((pk, whole), Decimal(0)) + cost
    return found


def unpriced_models(rule: AlertRule) -> Iterator[Finding]:
    """Find models that have answered in the last day without a price."""
    rows = HourlyUsage.objects.filter(
        hour__gte=timezone.now() - timedelta(days=1),
        kind="attempt",
        status="ok",
        unpriced__gt=0,
        **_named_in(columns_within(rule)),
    )
    found = rows.order_by().values_list("provider", "model")
    for provider, model, events in found.annotate(events=Sum("unpriced")):
        name = f"{provider}/{model}"
        yield Finding(
            subject=name,
            title=f"{name} is used without a price",
            text=(
                f"{events} answers of the last day are of unknown cost. Add its prices, "
                "then rate the time anew."
            ),
            link=_model_page(name),
            facts={"model": name, "events": int(events)},
            organization=rule.organization,
            project=rule.project,
        )


def models_that_go(rule: AlertRule) -> Iterator[Finding]:
    """Find models in use whose provider will answer for them no longer."""
    today = timezone.now().date()
    models = AIModel.objects.filter(
        deprecated_on__isnull=False,
        deprecated_on__lte=today + timedelta(days=int(rule.threshold)),
    ).select_related("provider", "successor__provider")
    known = {(model.provider.slug, model.model_id): model for model in models}
    for name in sorted(_in_use(rule, today) & known.keys()):
        model, slug = known[name], "/".join(name)
        successor = model.successor
        then = f"{successor} takes its place." if successor else "Nothing follows it."
        yield Finding(
            subject=slug,
            title=f"{slug} goes on {model.deprecated_on:%Y-%m-%d} and is in use",
            text=f"{then} It was called within the last {_IN_USE_DAYS} days.",
            link=_model_page(slug),
            facts={"model": slug, "deprecated_on": f"{model.deprecated_on:%Y-%m-%d}"},
            organization=rule.organization,
            project=rule.project,
        )


def _in_use(rule: AlertRule, today: date) -> set[tuple[str, str]]:
    rows = DailyShare.objects.filter(
        day__gte=today - timedelta(days=_IN_USE_DAYS),
        **_named_in(columns_within(rule)),
    ).exclude(model="")
    return set(rows.order_by().values_list("provider", "model").distinct())


def _named_in(columns: dict[str, list[int]]) -> dict[str, Any]:
    return {f"{name}__in": ids for name, ids in columns.items()}


def _events_of(name: str) -> str:
    provider, _, model = name.partition("/")
    query = {"provider": provider, "model": model, "status": "error"}
    return f"{reverse('admin:usage_usageevent_changelist')}?{urlencode(query)}"


def _model_page(name: str) -> str:
    page = reverse("admin:catalog_aimodel_changelist")
    return f"{page}?{urlencode({'q': name.partition('/')[2]})}"
