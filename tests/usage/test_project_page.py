"""The page of one project: its figures, how it stands, and who sees that."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.models import ApiKey, Approval, Budget, Limit, Organization, Project, Role
from tests.admin_pages import text_of
from tests.people import person
from tests.usage.test_overview import make_day
from usage.analytics import limit_levels, workflow_runs
from usage.analytics.workflow_runs import RunFigures
from usage.models import BudgetWindow
from usage.models.budget_window import NANO

pytestmark = pytest.mark.django_db


@pytest.fixture
def levels() -> Iterator[dict[int, float]]:
    """How much of each limit is used, as the gateway would say."""
    found: dict[int, float] = {}
    known = list(limit_levels._providers)
    limit_levels.provide(lambda _project_id: found)
    yield found
    limit_levels._providers[:] = known


def page_of(project: Project) -> str:
    return reverse("project", args=[project.slug])


def test_the_page_shows_what_the_project_alone_used(
    admin_client: Client, project: Project, other_project: Project
) -> None:
    make_day(project, 1, feature="summary", cost_usd=Decimal(3))
    make_day(project, 2, status="failed", cost_usd=Decimal(0))
    make_day(other_project, 1, events=1000, model="foreign")

    response = admin_client.get(page_of(project))

    page = text_of(response)
    assert "Events 20" in page
    assert "Cost $3.0000" in page
    assert "Failed attempts 10 50.0 % of attempts" in page
    assert "summary" in page
    assert "foreign" not in page
    for figure in response.context["figures"]:
        assert f"project__id__exact={project.pk}" in figure.url


def test_budgets_limits_keys_and_approvals_are_shown(
    admin_client: Client, project: Project, levels: dict[int, float]
) -> None:
    budget = Budget.objects.create(
        project=project, amount_usd=Decimal(10), per="month", mode="hard"
    )
    now = timezone.now()
    BudgetWindow.objects.create(
        budget=budget,
        starts_at=now - timedelta(days=15),
        ends_at=now + timedelta(days=15),
        spent_nano=9 * NANO,
    )
    near = Limit.objects.create(
        project=project, metric="requests", amount=600, per="minute"
    )
    Limit.objects.create(project=project, metric="concurrency", amount=5)
    levels[near.pk] = 0.9
    ApiKey.issue(project, "ending", expires_at=now + timedelta(days=3))
    ApiKey.issue(project, "lasting")
    Approval.objects.create(
        project=project,
        operation="chat",
        path="/v1/chat/completions",
        digest=bytes(32),
        estimate_usd=Decimal(5),
        threshold_usd=1,
        provider="acme",
        model="large",
        expires_at=now + timedelta(hours=1),
    )

    page = text_of(admin_client.get(page_of(project)))

    assert "$10 per month, hard 90 %" in page
    assert "$9.00 spent, $1.00 left; at this pace $18.00" in page
    assert "600 requests per minute 90 %" in page
    assert "5 requests at a time -" in page
    assert "(ending)" in page
    assert "(lasting)" not in page
    assert "Approvals waiting: 1" in page


def test_workflow_runs_lead_to_what_is_behind_them(
    admin_client: Client, project: Project
) -> None:
    known = list(workflow_runs._providers)
    workflow_runs.provide(lambda *_: RunFigures(total=4, completed=3, failed=1))
    try:
        response = admin_client.get(page_of(project))
    finally:
        workflow_runs._providers[:] = known

    assert "Workflow runs 4 75.0 % of ended runs completed" in text_of(response)
    (figure,) = [
        f for f in response.context["figures"] if f.name.startswith("Workflow")
    ]
    assert admin_client.get(figure.url).status_code == 200


def test_a_project_without_anything_says_so(
    admin_client: Client, project: Project
) -> None:
    page = text_of(admin_client.get(page_of(project)))

    assert "It has none: nothing stops what it spends." in page
    assert "None within 30 days." in page
    assert "No usage yet." in page


def test_the_list_and_the_form_of_projects_lead_to_the_page(
    admin_client: Client, project: Project
) -> None:
    url = f"/admin/tenants/project/{project.pk}/usage-page/"

    assert url in admin_client.get("/admin/tenants/project/").content.decode()
    form = admin_client.get(f"/admin/tenants/project/{project.pk}/change/")
    assert url in form.content.decode()
    assert admin_client.get(url).headers["Location"] == page_of(project)


@pytest.mark.parametrize(
    ("role", "status"), [(Role.READ_ONLY, 403), (Role.ANALYST, 200), (Role.OWNER, 200)]
)
def test_it_takes_an_analyst_of_the_organization(
    project: Project, role: Role, status: int
) -> None:
    client = Client()
    client.force_login(person(role, project.organization))

    assert client.get(page_of(project)).status_code == status


def test_nobody_sees_a_project_of_another_organization(project: Project) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    client = Client()
    client.force_login(person(Role.OWNER, other))

    assert client.get(page_of(project)).status_code == 404
    url = f"/admin/tenants/project/{project.pk}/usage-page/"
    assert client.get(url).status_code in {403, 404}
