"""What events add to budgets, exactly once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from tenants.models import Budget, EndUser, Project
from tests.factories import ApiKeyFactory, ProjectFactory
from tests.usage.events import MOMENT, intent, settlement
from tests.usage.test_ledger import lines
from usage.ledger import Ledger
from usage.models import BudgetLease, BudgetWarning, BudgetWindow
from usage.records import EventRecord

Spend = Callable[..., EventRecord]


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory.create(slug="acorn")


@pytest.fixture
def spend(project: Project) -> Spend:
    def event(usd: str | None, **fields: Any) -> EventRecord:
        cost = None if usd is None else Decimal(usd)
        return settlement(
            project_id=project.pk,
            organization_id=project.organization_id,
            cost_usd=cost,
            **fields,
        )

    return event


def budget(project: Project, **fields: object) -> Budget:
    return Budget.objects.create(project=project, **{"amount_usd": 1, **fields})


def spent(budget: Budget, subject: str = "") -> int:
    return sum(
        BudgetWindow.objects.filter(budget=budget, subject=subject).values_list(
            "spent_nano", flat=True
        )
    )


def test_an_event_counts_once_however_often_it_is_written(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    monthly = budget(project)
    batch = lines(spend("0.000000001"), spend("0.25"))

    for _ in range(3):
        ledger.write(batch)

    assert spent(monthly) == 250_000_001


def test_an_exact_figure_takes_the_place_of_its_estimate(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    monthly = budget(project)
    owner = {"project_id": project.pk, "organization_id": project.organization_id}
    asked = intent(**owner, cost_usd=Decimal("0.3"))

    ledger.write(lines(asked))
    assert spent(monthly) == 300_000_000
    ledger.write(lines(settlement(asked, cost_usd=Decimal("0.1"))))
    ledger.write(lines(settlement(asked, cost_usd=Decimal("0.2"))))

    assert spent(monthly) == 100_000_000


def test_an_event_counts_to_the_budgets_it_belongs_to(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    key = ApiKeyFactory.create(project=project)
    user = EndUser.objects.create(project=project, external_id="ann")
    stranger = ProjectFactory.create(slug="other")
    own = [
        budget(project),
        Budget.objects.create(organization=project.organization, amount_usd=1),
        budget(project, api_key=key),
        budget(project, end_user=user),
        budget(project, alias="fast"),
        budget(project, per="total", active=False),
    ]
    foreign = [
        budget(stranger),
        budget(project, api_key=ApiKeyFactory.create(project=project)),
        budget(project, alias="slow"),
    ]
    each = budget(project, each_end_user=True)

    ledger.write(lines(spend("0.5", api_key_id=key.pk, end_user="ann", alias="fast")))
    ledger.write(lines(spend("0.1", end_user="bob", alias="fast")))

    assert [spent(b) for b in own] == [
        600_000_000,
        600_000_000,
        500_000_000,
        500_000_000,
        600_000_000,
        600_000_000,
    ]
    assert [spent(b) for b in foreign] == [0, 0, 0]
    assert (spent(each, "ann"), spent(each, "bob")) == (500_000_000, 100_000_000)


def test_what_has_no_price_counts_nothing_and_is_shown(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    monthly = budget(project)

    ledger.write(lines(spend(None), spend("0", kind="cache_hit")))

    assert (spent(monthly), monthly.windows.get().unpriced) == (0, 1)


def test_each_period_has_a_row_of_its_own_and_none_begins_anew_m4(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    daily = budget(project, per="day")
    midnight = datetime(2026, 3, 15, tzinfo=UTC)
    tick = timedelta(microseconds=1)

    ledger.write(lines(spend("0.1", occurred_at=midnight - tick)))
    ledger.write(lines(spend("0.2", occurred_at=midnight)))
    # One of the day before comes late.
    ledger.write(lines(spend("0.4", occurred_at=midnight - tick)))

    windows = BudgetWindow.objects.filter(budget=daily).order_by("starts_at")
    assert list(windows.values_list("starts_at", "spent_nano")) == [
        (midnight - timedelta(days=1), 500_000_000),
        (midnight, 200_000_000),
    ]


def test_what_is_booked_comes_out_of_the_lease_of_who_spent_it(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    monthly = budget(project)
    opened = sql(
        "SELECT window_key FROM usage_open_window(%s, '', %s)", monthly, MOMENT
    )
    for worker in ("one", "two"):
        sql("SELECT * FROM usage_take_escrow(%s, %s, 400000000, 0, 60)", opened, worker)

    ledger.write(lines(spend("0.1")), "one")
    ledger.write(lines(spend("0.5")), "two")

    held = dict(BudgetLease.objects.values_list("worker", "amount_nano"))
    assert held == {"one": 300_000_000, "two": 0}
    assert spent(monthly) == 600_000_000


def test_each_share_of_a_budget_is_warned_of_once(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    monthly = budget(project, warn_at=[50, 80])

    for usd in ("0.4", "0.2", "0.3", "0.2", "0.2"):
        ledger.write(lines(spend(usd)))

    warnings = BudgetWarning.objects.filter(window__budget=monthly)
    told = dict(warnings.values_list("percent", "spent_nano"))
    assert told == {50: 600_000_000, 80: 900_000_000, 100: 1_100_000_000}


def test_what_was_spent_before_the_budget_was_made_counts(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    last_month = MOMENT - timedelta(days=20)
    ledger.write(lines(spend("0.3"), spend("0.2", occurred_at=last_month)))
    monthly = budget(project)
    ledger.write(lines(spend("0.1")))

    for _ in range(2):
        sql("SELECT * FROM usage_open_window(%s, '', %s)", monthly, MOMENT)

    assert spent(monthly) == 400_000_000


def test_no_more_is_taken_than_is_left(
    project: Project, transactional_db: None
) -> None:
    monthly = budget(project)
    opened = sql(
        "SELECT window_key FROM usage_open_window(%s, '', %s)", monthly, MOMENT
    )
    take = "SELECT granted FROM usage_take_escrow(%s, %s, %s, %s, 60)"

    granted = [
        sql(take, opened, "one", 300_000_000, 10**12),
        sql(take, opened, "two", 500_000_000, 0),
        sql(take, opened, "three", 500_000_000, 10**12),
        sql(take, opened, "four", 1, 0),
    ]

    # The first gets a sixteenth of what is left to spare.
    assert granted == [343_750_000, 500_000_000, 156_250_000, 0]


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Atlantic/Azores",
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("per", ["day", "week", "month"])
def test_windows_follow_the_clocks_of_the_zone(
    zone: str, per: str, transactional_db: None
) -> None:
    here = ZoneInfo(zone)
    found = set()
    for hours in range(0, 366 * 24, 5 if per == "day" else 31):
        moment = datetime(2017, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT usage_window_start(%s, %s, %s), usage_window_end(%s, %s, %s)",
                [per, moment, zone, per, moment, zone],
            )
            start, end = cursor.fetchone()
        assert start <= moment < end
        day = moment.astimezone(here).date()
        if per == "week":
            day -= timedelta(days=day.weekday())
        elif per == "month":
            day = day.replace(day=1)
        midnight = datetime(day.year, day.month, day.day, tzinfo=here)
        assert start == midnight.astimezone(UTC)
        found.add((start, end))
    assert all(one[1] == other[0] for one, other in pairwise(sorted(found)))


def test_a_zone_that_the_server_does_not_know_is_no_reason_to_lose_an_event(
    ledger: Ledger, project: Project, spend: Spend
) -> None:
    Project.objects.filter(pk=project.pk).update(time_zone="Nowhere/Land")
    daily = budget(project, per="day")

    ledger.write(lines(spend("0.1")))

    assert spent(daily) == 100_000_000
    assert daily.windows.get().starts_at == datetime(2026, 3, 14, tzinfo=UTC)


def sql(statement: str, *values: Any) -> int:
    """Run one statement and return the first figure of its row."""
    known = [v.pk if isinstance(v, Budget) else v for v in values]
    with connection.cursor() as cursor:
        cursor.execute(statement, known)
        return int(cursor.fetchone()[0])
