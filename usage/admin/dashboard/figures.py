"""Numbers of the overview, each with the list behind it."""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from usage.admin.dashboard.choice import Choice
from usage.analytics.reading import Sums, Times
from usage.analytics.workflow_runs import run_figures

_MUCH = 100
_MANY = 100_000_000
_VERY_MANY = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, what it says besides, and the list behind it."""

    name: str
    value: str
    more: str
    url: str


def figures_of(choice: Choice, total: Sums, times: Times) -> list[Figure]:
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


def runs_of(choice: Choice) -> Figure:
    runs = run_figures(choice.begin, choice.end, choice.where)
    return Figure(
        "Workflow runs",
        f"{runs.total:,}",
        _share(runs.success_rate, "of ended runs completed", "none has ended")
        if runs.total
        else "no runs",
        _runs_url(choice),
    )


def _runs_url(choice: Choice) -> str:
    """Return the list of runs, or of what they used where runs have no pages."""
    try:
        url = reverse("admin:workflows_workflowrun_changelist")
    except NoReverseMatch:
        return choice.usage_url(feature="workflow")
    query = urlencode(choice.scope(organization="project__organization"))
    return f"{url}?{query}" if query else url


def _money(amount: Decimal) -> str:
    return f"${amount:,.2f}" if abs(amount) >= _MUCH else f"${amount:,.4f}"


def _count(number: int) -> str:
    """Return the number, in millions or billions where it would be too long to be read."""
    if number < _MANY:
        return f"{number:,}"
    if number < _VERY_MANY:
        return f"{number / 1_000_000:,.0f} million"
    return f"{number / 1_000_000_000:,.1f} billion"


def _share(share: float | None, of: str, without: str) -> str:
    return without if share is None else f"{100 * share:.1f} % {of}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"
