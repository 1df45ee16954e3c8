"""The first page of the admin, and who sees what on it."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from catalog.models import ProviderCheck
from tenants.models import Approval, Budget, Organization, Project, Role
from tests.admin_pages import text_of
from tests.factories import ProjectFactory
from tests.gateway.rows import make_provider
from tests.people import person
from tests.usage.test_admin_rollups import sums, this_hour
from usage.analytics import open_breakers, workflow_runs
from usage.analytics.open_breakers import OpenBreaker
from usage.analytics.workflow_runs import RunFigures
from usage.days import end_of, start_of, today
from usage.models import (
    BudgetWindow,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
)
from usage.models.budget_window import NANO
from usage.rollup_statements import CLEAR_DAY, FILL_DAY

pytestmark = pytest.mark.django_db

PAGE = "/admin/"


GONE = {"operation", "feature", "alias", "model", "api_key", "error_code"}


def make_day(project: Project, days_ago: int = 1, **fields: Any) -> None:
    """Make the rows of a day as a roll-up would, all of it in the day's first hour."""
    hour = start_of(today() - timedelta(days=days_ago))
    make_rows(hour, sums(project, **fields))


def make_hours(project: Project, hours_ago: int = 1, **fields: Any) -> None:
    """Make the rows of an hour, and of its day, as a roll-up would."""
    make_rows(this_hour() - timedelta(hours=hours_ago), sums(project, **fields))


def make_rows(hour: datetime, found: dict[str, Any]) -> None:
    HourlyUsage.objects.create(hour=hour, **found)
    few = {name: value for name, value in found.items() if name not in GONE}
    HourlyTotal.objects.create(hour=hour, **few)
    share = {
        name: found[name] for name in ("project", "organization", "events", "cost_usd")
    }
    of_what = [{"provider": found["provider"], "model": found["model"]}]
    if found.get("feature"):
        of_what.append({"feature": found["feature"]})
    for each in of_what:
        HourlyShare.objects.create(hour=hour, **share, **each)
    day = hour.date()
    with connection.cursor() as cursor:
        for statement in CLEAR_DAY:
            cursor.execute(statement, [day])
        for statement in FILL_DAY:
            cursor.execute(statement, [start_of(day), end_of(day), day])


def page_for(role: Role, within: Organization | None = None, **query: str) -> str:
    client = Client()
    client.force_login(person(role, within))
    return text_of(client.get(PAGE, query))


def test_the_overview_sums_the_last_hours(
    admin_client: Client, project: Project
) -> None:
    make_hours(project, 2, cache="miss")
    make_hours(project, 2, status="failed", events=5, cost_usd=0)
    make_hours(project, 3, cache="hit", kind="cache_hit", cost_usd=0, saved_usd=4)
    make_hours(project, 30)

    page = text_of(admin_client.get(PAGE, {"days": "1"}))

    assert "Events 25 15 attempts" in page
    assert "Cost $1.2500 all events priced" in page
    assert "Failed attempts 5 33.3 % of attempts" in page
    assert "Cache hits 10 50.0 % of lookups" in page
    assert "Saved by the cache $4.0000" in page
    assert "acme/large" in page
    assert "acorn" in page


def test_the_overview_sums_the_last_days(
    admin_client: Client, project: Project
) -> None:
    make_day(project, 1, unpriced=2, feature="summary")
    make_day(project, 5, latency_buckets=[346], latency_counts=[10])
    make_day(project, 20)

    page = text_of(admin_client.get(PAGE))
    month = text_of(admin_client.get(PAGE, {"days": "30"}))

    assert "Events 20" in page
    assert "Cost $2.5000 and 2 events of unknown cost" in page
    assert re.search(r"Latency, median 1,0\d\d ms", page)
    assert "summary" in page
    assert "Events 30" in month


def test_figures_lead_to_the_rows_behind_them(
    admin_client: Client, project: Project
) -> None:
    make_day(project, status="failed", error_code="upstream_error")
    response = admin_client.get(PAGE, {"project": "acorn", "organization": "default"})

    for figure in response.context["figures"]:
        listed = text_of(admin_client.get(figure.url))
        assert "Too many" not in listed
        if figure.name == "Failed attempts":
            assert "acme/large" in listed
            assert f"project__id__exact={project.pk}" in figure.url


def test_an_organization_or_a_project_can_be_chosen(
    admin_client: Client, project: Project, other_project: Project
) -> None:
    make_day(project)
    make_day(other_project, events=7)

    page = text_of(admin_client.get(PAGE, {"project": "birch"}))
    wrong = text_of(admin_client.get(PAGE, {"project": "oak", "days": "none"}))

    assert "Events 7" in page
    assert "There is no project oak that you may see." in wrong
    assert "Events 17" in wrong


def test_people_see_the_figures_of_their_organization_alone(project: Project) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    elsewhere = ProjectFactory.create(slug="cedar", organization=other)
    make_day(project, feature="ours")
    make_day(elsewhere, feature="theirs", model="secret", cost_usd=Decimal(1000))
    budget = Budget.objects.create(project=elsewhere, amount_usd=10, per="total")
    spend(budget, 9)
    ask_approval(elsewhere)

    page = page_for(Role.ANALYST, project.organization, organization="other")

    assert "Events 10" in page
    assert "There is no organization other that you may see." in page
    for theirs in ("theirs", "secret", "cedar", "1,001"):
        assert theirs not in page


def test_who_may_not_see_usage_gets_the_list_of_pages(project: Project) -> None:
    make_day(project)

    page = page_for(Role.READ_ONLY, project.organization)

    assert "Events 10" not in page
    assert "Projects" in page


def test_the_overview_opens_without_any_usage(admin_client: Client) -> None:
    page = text_of(admin_client.get(PAGE))

    assert "no attempts" in page
    assert "No usage yet" in page
    assert "Nothing waits for a decision" in page


def test_budgets_that_are_about_to_end_are_shown(
    admin_client: Client, project: Project
) -> None:
    for per, amount, spent in (("total", 10, 9), ("month", 20, 2)):
        spend(Budget.objects.create(project=project, amount_usd=amount, per=per), spent)

    page = text_of(admin_client.get(PAGE))

    assert "90 % of $10.00 spent" in page
    assert "of $20.00" not in page


def test_approvals_that_wait_are_counted(
    admin_client: Client, project: Project
) -> None:
    ask_approval(project)

    page = text_of(admin_client.get(PAGE))

    assert "Approvals waiting: 1" in page
    assert "acorn: acme/large , $2.5000" in page


def test_providers_show_their_check_and_their_breakers(
    admin_client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ProviderCheck.objects.create(
        provider=make_provider("acme"), status="failing", message="no route"
    )
    make_provider("zenith")
    make_day(project)
    told = [OpenBreaker("acme", "large", "half_open")]
    monkeypatch.setattr(open_breakers, "_providers", [lambda: told])

    page = text_of(admin_client.get(PAGE))

    assert "large: breaker half_open" in page
    assert "failing: no route" in page
    assert "zenith" not in page


def test_runs_of_workflows_are_shown_when_there_are_any(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def figures(*_: Any) -> RunFigures:
        return RunFigures(total=4, completed=3, failed=1)

    monkeypatch.setattr(workflow_runs, "_providers", [figures])

    page = text_of(admin_client.get(PAGE))

    assert "Workflow runs 4 75.0 % of ended runs completed" in page


def spend(budget: Budget, amount: int) -> None:
    BudgetWindow.objects.create(
        budget=budget,
        starts_at=timezone.now() - timedelta(days=1),
        spent_nano=amount * NANO,
    )


def ask_approval(project: Project) -> None:
    Approval.objects.create(
        project=project,
        operation="chat",
        path="/v1/chat/completions",
        provider="acme",
        model="large",
        digest=bytes(32),
        estimate_usd=Decimal("2.5"),
        threshold_usd=1,
        expires_at=timezone.now() + timedelta(hours=1),
    )
