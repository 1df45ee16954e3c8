"""The first page of the admin: figures, charts and what asks for attention."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES

from tenants.access import sees_some
from tenants.models import Organization, Project
from tenants.roles import Reach, reach_for
from usage.admin.dashboard import panels
from usage.admin.dashboard.charts import charts_of
from usage.admin.dashboard.choice import RANGES, Choice, choice_in, offered
from usage.analytics.reading import Sums, Times, sums_of, times_of
from usage.analytics.workflow_runs import run_figures
from usage.models import HourlyUsage

_MUCH = 100
_MANY = 100_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, what it says besides, and the list behind it."""

    name: str
    value: str
    more: str
    url: str


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the context of the admin's index page."""
    context["title"] = "Overview"
    reach = reach_for(request)
    if not sees_some(reach, HourlyUsage):
        return context
    choice = choice_in(request, reach, timezone.now())
    by_time = sums_of(choice.selection(cuts=True))
    total = Sums()
    for sums in by_time.values():
        total.add(sums)
    times = times_of(choice.selection()).get((1,), Times())
    context |= {
        "choice": choice,
        "ranges": RANGES,
        "input_class": " ".join(INPUT_CLASSES),
        "select_class": " ".join(SELECT_CLASSES),
        "organizations": offered(Organization, reach),
        "projects": offered(Project, reach),
        "figures": [*_figures(choice, total, times), *_runs(choice, reach)],
        "charts": charts_of(
            choice,
            by_time,
            times_of(choice.selection(cuts=True)) if total.events else {},
        ),
        "top_projects": panels.top_projects(choice),
        "top_models": panels.top_models(choice),
        "top_features": panels.top_features(choice),
        "providers": panels.providers(choice, reach),
        "budgets": panels.ending_budgets(choice, reach),
        "approvals": panels.waiting_approvals(choice, reach),
    }
    return context


def _figures(choice: Choice, total: Sums, times: Times) -> list[Figure]:
    unknown = f"and {total.unpriced:,} events of unknown cost"
    return [
        Figure(
            "Events",
            f"{total.events:,}",
            f"{total.attempts:,} attempts, {total.fallbacks:,} fallbacks",
            choice.usage_url(),
        ),
        Figure(
            "Cost",
            _money(total.cost_usd),
            unknown if total.unpriced else "all events priced",
            choice.usage_url(),
        ),
        Figure(
            "Failed attempts",
            f"{total.errors:,}",
            _share(total.error_rate, "of attempts", "no attempts"),
            choice.usage_url(status="error"),
        ),
        Figure(
            "Latency, median",
            _milliseconds(times.p50),
            f"p95 {_milliseconds(times.p95)}, p99 {_milliseconds(times.p99)}",
            choice.usage_url(status="ok"),
        ),
        Figure(
            "Tokens",
            _count(total.tokens),
            f"{_count(total.input_tokens)} in, {_count(total.output_tokens)} out",
            choice.usage_url(),
        ),
        Figure(
            "Cache hits",
            f"{total.hits:,}",
            _share(total.hit_rate, "of lookups", "no lookups"),
            choice.usage_url(cache="hit"),
        ),
        Figure(
            "Saved by the cache",
            _money(total.saved_usd),
            "what the answers had cost",
            choice.usage_url(cache="hit"),
        ),
    ]


def _runs(choice: Choice, reach: Reach) -> list[Figure]:
    runs = run_figures(choice.begin, choice.end, choice.where)
    if not runs.total:
        return []
    return [
        Figure(
            "Workflow runs",
            f"{runs.total:,}",
            _share(runs.success_rate, "of ended runs completed", "none has ended"),
            choice.usage_url(),
        )
    ]


def _money(amount: Decimal) -> str:
    return f"${amount:,.2f}" if abs(amount) >= _MUCH else f"${amount:,.4f}"


def _count(number: int) -> str:
    """Return the number, in millions where it would be too long to be read."""
    return f"{number:,}" if number < _MANY else f"{number / 1_000_000:,.0f} million"


def _share(share: float | None, of: str, without: str) -> str:
    return without if share is None else f"{100 * share:.1f} % {of}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"
