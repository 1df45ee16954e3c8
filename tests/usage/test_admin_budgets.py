from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants.models import Budget, Project
from tests.admin_pages import form_of, text_of
from tests.factories import OrganizationFactory, ProjectFactory
from usage.budget_figures import figures_of
from usage.models import BudgetLease, BudgetWindow

pytestmark = pytest.mark.django_db

LIST = "/admin/tenants/budget/"


@pytest.fixture
def project() -> Project:
    return ProjectFactory.create(slug="acorn")


def spent_budget(project: Project, **fields: Any) -> Budget:
    """Return a budget of 10 USD: 2.50 spent, 1.00 held, half of the month passed."""
    made: Budget = Budget.objects.create(project=project, amount_usd=10, **fields)
    now = timezone.now()
    window = BudgetWindow.objects.create(
        budget=made,
        starts_at=now - timedelta(days=15),
        ends_at=now + timedelta(days=15),
        spent_nano=2_500_000_000,
        unpriced=3,
    )
    for worker in ("one", "two"):
        BudgetLease.objects.create(
            window=window,
            worker=worker,
            amount_nano=500_000_000,
            expires_at=now + timedelta(seconds=60),
        )
    return made


def test_the_figures_are_those_of_the_present_period(project: Project) -> None:
    made = spent_budget(project)
    BudgetWindow.objects.create(
        budget=made,
        starts_at=datetime(2020, 1, 1, tzinfo=UTC),
        ends_at=datetime(2020, 2, 1, tzinfo=UTC),
        spent_nano=9_000_000_000,
    )

    found = figures_of([made])[made.pk]

    assert (found.spent, found.reserved, found.left) == (
        Decimal("2.5"),
        Decimal(1),
        Decimal("6.5"),
    )
    assert found.forecast is not None
    assert round(found.forecast, 2) == 5


def test_a_budget_that_nobody_has_used_has_all_of_it_left(project: Project) -> None:
    made = Budget.objects.create(project=project, amount_usd=10)

    found = figures_of([made])[made.pk]

    assert found.left == 10
    assert found.forecast is None


def test_the_list_shows_what_is_spent_reserved_left_and_to_come(
    admin_client: Client, project: Project
) -> None:
    spent_budget(project)
    Budget.objects.create(organization=OrganizationFactory.create(), amount_usd=7)

    page = text_of(admin_client.get(LIST))

    for shown in ("acorn", "2.50 USD (25 %)", "1.00", "6.50", "5.00", "(organization)"):
        assert shown in page


def test_the_page_of_a_budget_shows_its_periods(
    admin_client: Client, project: Project
) -> None:
    made = spent_budget(project)

    page = text_of(admin_client.get(f"{LIST}{made.pk}/change/"))

    assert "2.50 USD" in page
    assert "begins anew" in page.lower()


def test_the_page_of_a_project_shows_its_budgets(
    admin_client: Client, project: Project
) -> None:
    spent_budget(project)

    page = text_of(admin_client.get(f"/admin/tenants/project/{project.pk}/change/"))

    assert "2.50 USD (25 %)" in page


def test_a_budget_is_made_and_raised_in_the_admin(
    admin_client: Client, project: Project
) -> None:
    form = form_of(admin_client, f"{LIST}add/")
    form |= {"amount_usd": "5", "project": project.pk}

    added = admin_client.post(f"{LIST}add/", form)

    made = Budget.objects.get()
    assert added.status_code == 302
    url = f"{LIST}{made.pk}/change/"
    form = form_of(admin_client, url) | {"amount_usd": "6"}
    assert admin_client.post(url, form).status_code == 302
    made.refresh_from_db()
    assert made.amount_usd == 6


@pytest.mark.parametrize("rows", [1, 20])
def test_the_list_asks_the_same_however_long_it_is(
    admin_client: Client,
    project: Project,
    rows: int,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(rows):
        Budget.objects.create(project=project, amount_usd=1, alias=f"a{number}")
    admin_client.get(LIST)

    with django_assert_max_num_queries(14):
        assert admin_client.get(LIST).status_code == 200
