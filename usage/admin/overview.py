"""The first page of the admin: figures, charts and what asks for attention."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES

from tenants.access import sees_some
from tenants.models import Organization, Project
from tenants.roles import reach_for
from usage.admin.dashboard import panels
from usage.admin.dashboard.charts import charts_of
from usage.admin.dashboard.choice import RANGES, Choice, choice_in, offered
from usage.admin.dashboard.figures import figures_of, runs_of
from usage.analytics.reading import Group, Sums, sums_of, times_with_total
from usage.models import HourlyUsage


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the context of the admin's index page."""
    context["title"] = "Overview"
    reach = reach_for(request)
    if not sees_some(reach, HourlyUsage):
        return context
    choice = choice_in(request, reach, timezone.now())
    used = sums_of(choice.selection("provider", cuts=True))
    context |= {
        **traffic(choice, used),
        "organizations": offered(Organization, reach),
        "projects": offered(Project, reach),
        "top_projects": panels.top_projects(choice),
        "top_models": panels.top_models(choice),
        "top_features": panels.top_features(choice),
        "providers": panels.providers(choice, reach, added(used, 1)),
        "budgets": panels.ending_budgets(choice, reach),
        "approvals": panels.waiting_approvals(choice, reach),
    }
    return context


def added(sums: dict[Group, Sums], at: int) -> dict[Any, Sums]:
    """Return the sums by what stands at that place of their groups."""
    found: dict[Any, Sums] = {}
    for group, each in sums.items():
        found.setdefault(group[at], Sums()).add(each)
    return found


def traffic(choice: Choice, used: dict[Group, Sums]) -> dict[str, Any]:
    """Return the figures and the charts, and what to choose them by.

    `used` is by time and provider.
    """
    by_time = {(number,): sums for number, sums in added(used, 0).items()}
    total = Sums()
    for sums in by_time.values():
        total.add(sums)
    times, times_by_time = times_with_total(choice.selection(cuts=True))
    return {
        "choice": choice,
        "ranges": RANGES,
        "input_class": " ".join(INPUT_CLASSES),
        "select_class": " ".join(SELECT_CLASSES),
        "figures": [*figures_of(choice, total, times), runs_of(choice)],
        "charts": charts_of(choice, by_time, times_by_time),
    }
