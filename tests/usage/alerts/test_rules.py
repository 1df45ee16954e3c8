"""What is told without having been asked for, and that it is told once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Credential, Provider, ProviderCheck
from tenants.models import ApiKey, Budget, Project
from tests.factories import CredentialFactory, ProjectFactory, ProviderFactory
from usage.alerts.watching import watch
from usage.models import BudgetWarning, BudgetWindow, Notification

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project: Project = ProjectFactory.create(slug="acorn")
    return project


def titles() -> list[str]:
    return list(Notification.objects.order_by("title").values_list("title", flat=True))


def warn(budget: Budget, percent: int, subject: str = "") -> BudgetWarning:
    window, _ = BudgetWindow.objects.get_or_create(
        budget=budget, subject=subject, starts_at=timezone.now()
    )
    return BudgetWarning.objects.create(
        window=window,
        percent=percent,
        spent_nano=40 * 10**9,
        limit_nano=50 * 10**9,
        created_at=timezone.now(),
    )


def check(provider: Provider, *statuses: str) -> None:
    for status in statuses:
        ProviderCheck.objects.create(provider=provider, status=status, message="no")


def test_a_budget_that_ends_is_told_once(project: Project) -> None:
    budget = Budget.objects.create(project=project, amount_usd=Decimal(50))
    warning = warn(budget, 80)

    assert (watch(), watch()) == (1, 0)

    told = Notification.objects.get()
    assert told.title == "acorn: 80 % of a budget is spent"
    assert told.text.startswith("40.00 of 50.00 USD, month, hard")
    assert (told.project, told.organization) == (project, project.organization)
    warning.refresh_from_db()
    assert warning.told_at is not None


def test_a_budget_of_an_organization_is_told_to_it(project: Project) -> None:
    budget = Budget.objects.create(
        organization=project.organization, amount_usd=Decimal(50)
    )
    warn(budget, 100)

    watch()

    told = Notification.objects.get()
    assert (told.project, told.organization) == (None, project.organization)


def test_a_credential_is_told_each_time_it_is_refused(project: Project) -> None:
    row: Credential = CredentialFactory.create(project=project)
    first = timezone.now()
    for moment in (first, first, first + timedelta(hours=1)):
        Credential.objects.filter(pk=row.pk).update(quarantined_at=moment)
        watch()

    assert len(titles()) == 2
    assert "refuses the credential 'default'" in titles()[0]


def test_a_provider_is_told_once_for_each_outage() -> None:
    provider = ProviderFactory.create(name="Acme")
    check(provider, "failing", "failing")
    assert watch() == 0

    check(provider, "failing", "failing")
    assert (watch(), watch()) == (1, 0)

    check(provider, "ok", "failing", "failing")
    assert watch() == 0
    check(provider, "failing")
    assert watch() == 1


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(days=8), []),
        (timedelta(days=6), ["7 d"]),
        (timedelta(hours=5), ["1 d"]),
        (timedelta(hours=-1), []),
    ],
)
def test_a_key_that_expires_is_told_in_time(
    project: Project, left: timedelta, told: list[str]
) -> None:
    key, _ = ApiKey.issue(project, "laptop")
    ApiKey.objects.update(
        created_at=timezone.now() - timedelta(days=30),
        expires_at=timezone.now() + left,
    )

    watch()

    assert [title[-3:] for title in titles()] == told
    assert all(key.prefix in title for title in titles())


def test_a_key_with_a_successor_expires_in_silence(project: Project) -> None:
    key, _ = ApiKey.issue(project, "laptop")
    key.rotate(timedelta(hours=5))

    assert watch() == 0


def test_what_is_told_already_is_asked_about_at_once() -> None:
    def queries_of_looking_again() -> int:
        watch()
        with CaptureQueriesContext(connection) as asked:
            assert watch() == 0
        return len(asked)

    provider = ProviderFactory.create()
    CredentialFactory.create(provider=provider, quarantined_at=timezone.now())
    few = queries_of_looking_again()
    for number in range(5):
        CredentialFactory.create(
            provider=provider, name=f"key {number}", quarantined_at=timezone.now()
        )

    assert queries_of_looking_again() == few
    assert Notification.objects.count() == 6
