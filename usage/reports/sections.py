"""The sections of a report, each told from the sums of usage."""

from collections.abc import Callable, Mapping, Sequence

from django.db.models import Count

from usage.analytics.workflow_runs import run_figures
from usage.models import Alert, AlertKind, Section
from usage.reports.parts import (
    TOP,
    Chart,
    Figure,
    Part,
    Scope,
    Table,
    count,
    counted,
    in_words,
    lasted,
    shared,
    spent,
)
from usage.reports.quality import quality
from usage.reports.spending import budgets, cache, cost


def traffic(scope: Scope) -> Part:
    now, before = scope.total, scope.earlier
    answered = [sums.events - sums.errors for sums in scope.by_time]
    failed = [sums.errors for sums in scope.by_time]
    return Part(
        "traffic",
        "Traffic",
        figures=[
            counted("Requests", now.requests, before.requests),
            counted("Tokens", now.tokens, before.tokens),
            counted("Fallbacks", now.fallbacks, before.fallbacks),
        ],
        charts=[
            Chart(
                "Requests over time",
                "bars",
                scope.labels,
                [("answered", answered), ("failed", failed)],
                "",
                in_words("attempts", scope.labels, answered),
            )
        ]
        if now.events
        else [],
        note="" if now.events else "Nothing was asked in this time.",
    )


def errors(scope: Scope) -> Part:
    now, before = scope.total, scope.earlier
    rates = [
        None if sums.error_rate is None else round(100 * sums.error_rate, 2)
        for sums in scope.by_time
    ]
    codes = [
        (str(code) or "unknown", sums.errors)
        for (code,), sums in scope.by("error_code")
        if sums.errors
    ]
    codes.sort(key=lambda row: (-row[1], row[0]))
    return Part(
        "errors",
        "Errors",
        figures=[
            shared("Failed attempts", now.error_rate, before.error_rate),
            counted("In number", now.errors, before.errors),
        ],
        charts=[
            Chart(
                "Failed attempts",
                "lines",
                scope.labels,
                [("% of attempts", rates)],
                "%",
                in_words("%", scope.labels, rates),
            )
        ]
        if now.errors
        else [],
        tables=[
            Table(
                "By code",
                ("Code", "Attempts"),
                [(code, count(number)) for code, number in codes[:TOP]],
                ("code", "attempts"),
                codes,
                max(len(codes) - TOP, 0),
            )
        ]
        if codes
        else [],
        note="" if now.errors else "No attempt has failed.",
    )


def latency(scope: Scope) -> Part:
    now, before = scope.times, scope.earlier_times
    found = scope.times_by_time
    lines = [
        ("p50", [times.p50 for times in found]),
        ("p95", [times.p95 for times in found]),
        ("p99", [times.p99 for times in found]),
    ]
    return Part(
        "latency",
        "Latency",
        figures=[
            lasted("Median", now.p50, before.p50),
            lasted("p95", now.p95, before.p95),
            lasted("p99", now.p99, before.p99),
        ],
        charts=[
            Chart(
                "Latency of answered attempts",
                "lines",
                scope.labels,
                lines,
                "ms",
                in_words("ms (p95)", scope.labels, lines[1][1]),
            )
        ]
        if now.p50 is not None
        else [],
    )


def alerts(scope: Scope) -> Part:
    rows = Alert.objects.filter(
        created_at__gte=scope.period.begin, created_at__lt=scope.period.end
    )
    if scope.project_id is not None:
        rows = rows.filter(project_id=scope.project_id)
    elif scope.organization_id is not None:
        rows = rows.filter(organization_id=scope.organization_id)
    by_kind = dict(rows.order_by().values_list("kind").annotate(number=Count("pk")))
    total = sum(by_kind.values())
    newest = [
        (f"{row.created_at.astimezone(scope.zone):%-d %b %H:%M}", row.title)
        for row in rows[:TOP]
    ]
    kinds = ", ".join(
        f"{AlertKind(kind).label.partition(':')[0].lower()}: {number}"
        for kind, number in sorted(by_kind.items(), key=lambda item: -item[1])
    )
    return Part(
        "alerts",
        "Alerts",
        figures=[Figure("Alerts", count(total), total, kinds)],
        tables=[
            Table(
                "The newest",
                ("When", "What"),
                newest,
                ("when", "what"),
                newest,
                total - len(newest),
            )
        ]
        if newest
        else [],
    )


def workflows(scope: Scope) -> Part:
    period = scope.period
    now = run_figures(period.begin, period.end, scope.where)
    earlier = period.before(scope.zone)
    before = run_figures(earlier.begin, earlier.end, scope.where)
    return Part(
        "workflows",
        "Workflow runs",
        figures=[
            counted("Runs", now.total, before.total),
            shared("Completed", now.success_rate, before.success_rate),
            spent("Cost", now.cost_usd, before.cost_usd),
        ]
        if now.total
        else [],
        note="" if now.total else "No workflow was run.",
    )


SECTIONS: Mapping[str, Callable[[Scope], Part]] = {
    Section.TRAFFIC: traffic,
    Section.COST: cost,
    Section.ERRORS: errors,
    Section.LATENCY: latency,
    Section.CACHE: cache,
    Section.BUDGETS: budgets,
    Section.ALERTS: alerts,
    Section.WORKFLOWS: workflows,
    Section.QUALITY: quality,
}


def parts_of(scope: Scope, wanted: Sequence[str]) -> list[Part]:
    """Return the sections that are wanted, in their own order."""
    return [tell(scope) for name, tell in SECTIONS.items() if name in wanted]
