"""What usage cost, what was saved, and what was to be spent."""

from collections.abc import Sequence
from decimal import Decimal

from django.db.models import Q

from tenants.models import Budget
from usage.analytics.dimensions import labels_of
from usage.analytics.reading import Sums
from usage.budget_figures import figures_of
from usage.reports.parts import (
    TOP,
    Chart,
    Figure,
    Part,
    Scope,
    Table,
    change,
    count,
    counted,
    in_words,
    money,
    shared,
    spent,
)

_DRAWN = 6


def cost(scope: Scope) -> Part:
    now, before = scope.total, scope.earlier
    by_time = [float(sums.cost_usd) for sums in scope.by_time]
    models = [(f"{p}/{m}", sums) for (p, m), sums in scope.by("provider", "model")]
    tables = [_costs("By model", "Model", models)]
    if scope.project_id is None:
        tables.append(_costs("By project", "Project", _labelled(scope, "project_id")))
    features = [(str(f), sums) for (f,), sums in scope.by("feature") if f]
    tables.append(_costs("By feature", "Feature", features))
    tables.append(_costs("By key", "Key", _labelled(scope, "api_key_id")))
    return Part(
        "cost",
        "Cost",
        figures=[
            spent("Cost", now.cost_usd, before.cost_usd),
            _per_request(now, before),
            counted("Of unknown cost", now.unpriced, before.unpriced),
        ],
        charts=[
            Chart(
                "Cost over time",
                "bars",
                scope.labels,
                [("USD", by_time)],
                "$",
                in_words("USD", scope.labels, by_time),
            ),
            _ranking("Models by cost", models),
        ]
        if now.cost_usd
        else [],
        tables=[table for table in tables if table.rows],
    )


def cache(scope: Scope) -> Part:
    now, before = scope.total, scope.earlier
    saved = [float(sums.saved_usd) for sums in scope.by_time]
    return Part(
        "cache",
        "Savings by the cache",
        figures=[
            spent("Saved", now.saved_usd, before.saved_usd),
            shared("Hit rate", now.hit_rate, before.hit_rate),
            counted("Answers from it", now.hits, before.hits),
        ],
        charts=[
            Chart(
                "Saved over time",
                "bars",
                scope.labels,
                [("USD", saved)],
                "$",
                in_words("USD", scope.labels, saved),
            )
        ]
        if now.saved_usd
        else [],
    )


def budgets(scope: Scope) -> Part:
    whose = Q()
    if scope.project_id is not None:
        whose = Q(project_id=scope.project_id)
    elif scope.organization_id is not None:
        whose = Q(organization_id=scope.organization_id) | Q(
            project__organization_id=scope.organization_id
        )
    rows = Budget.objects.filter(whose, active=True).select_related(
        "project", "organization", "api_key", "end_user"
    )
    found = figures_of(rows)
    budgets = [(str(budget), budget.per, found[budget.pk]) for budget in rows]
    budgets.sort(key=lambda row: (-row[2].share, row[0]))
    return Part(
        "budgets",
        "Budgets",
        tables=[
            Table(
                "As they stand now, the most spent first",
                ("Budget", "Spent", "Of", "Share", "At this pace"),
                [
                    (
                        name,
                        money(each.spent),
                        f"{money(each.limit)} per {per}"
                        if per != "total"
                        else f"{money(each.limit)} in total",
                        f"{each.share:.0f} %",
                        "" if each.forecast is None else money(each.forecast),
                    )
                    for name, per, each in budgets[:TOP]
                ],
                ("budget", "spent_usd", "limit_usd", "percent", "forecast_usd"),
                [
                    (name, each.spent, each.limit, each.share, each.forecast)
                    for name, _, each in budgets
                ],
                max(len(budgets) - TOP, 0),
            )
        ]
        if budgets
        else [],
        note="" if budgets else "There is no budget.",
    )


def _per_request(now: Sums, before: Sums) -> Figure:
    value, earlier = (
        sums.cost_usd / sums.requests if sums.requests else None
        for sums in (now, before)
    )
    shown = "none" if value is None else f"${value:,.6f}"
    return Figure("Per request", shown, value, change(value, earlier))


def _labelled(scope: Scope, column: str) -> list[tuple[str, Sums]]:
    found = [(value, sums) for (value,), sums in scope.by(column) if value is not None]
    labels = labels_of(column, [value for value, _ in found])
    return [(labels.get(value, f"deleted ({value})"), sums) for value, sums in found]


def _costs(title: str, what: str, rows: Sequence[tuple[str, Sums]]) -> Table:
    total = sum((sums.cost_usd for _, sums in rows), Decimal(0))
    return Table(
        title,
        (what, "Requests", "Tokens", "Cost", "Share"),
        [
            (
                name,
                count(sums.requests),
                count(sums.tokens),
                money(sums.cost_usd),
                f"{100 * sums.cost_usd / total:.1f} %" if total else "",
            )
            for name, sums in rows[:TOP]
        ],
        (what.lower(), "requests", "tokens", "cost_usd"),
        [(name, sums.requests, sums.tokens, sums.cost_usd) for name, sums in rows],
        max(len(rows) - TOP, 0),
    )


def _ranking(title: str, rows: Sequence[tuple[str, Sums]]) -> Chart:
    first = [(name, float(sums.cost_usd)) for name, sums in rows if sums.cost_usd]
    shown = first[:_DRAWN]
    if rest := sum(value for _, value in first[_DRAWN:]):
        shown.append(("all others", rest))
    names, values = [name for name, _ in shown], [value for _, value in shown]
    return Chart(
        title, "ranking", names, [("USD", values)], "$", in_words("USD", names, values)
    )
