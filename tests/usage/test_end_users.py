"""Usage by end users: summed up when a day is over, exact before and after, kept for a time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db.models import Sum

from tenants.models import Project
from tests.factories import ApiKeyFactory, ProjectFactory
from tests.usage.events import settlement
from usage.analytics.reading import Selection, Sums, sums_of
from usage.days import start_of, today
from usage.end_users import clear_old
from usage.ledger import Ledger
from usage.models import EndUserTotal, EndUserUsage, HourlyUsage, OpenDay, UsageEvent
from usage.records import EventRecord, encode
from usage.rollups import roll_up, roll_up_day

BEGIN = datetime(2026, 3, 27, tzinfo=UTC)
DAYS = 4


@pytest.fixture
def project(ledger: Ledger) -> Project:
    made: Project = ProjectFactory.create()
    return made


def write(ledger: Ledger, *records: EventRecord) -> None:
    ledger.write([b"S" + encode(record) for record in records])


def event(project: Project, **fields: Any) -> EventRecord:
    return settlement(
        **{
            "project_id": project.pk,
            "organization_id": project.organization_id,
            "api_key_id": None,
            "end_user": "ada",
            "occurred_at": BEGIN,
            **fields,
        }
    )


def random_events(project: Project, count: int = 200) -> list[EventRecord]:
    random = Random(3)
    return [
        event(
            project,
            occurred_at=BEGIN + timedelta(seconds=random.randrange(DAYS * 86_400)),
            end_user=random.choice(["ada", "bob", "cleo", ""]),
            model=random.choice(["large", "small"]),
            kind=random.choice(["attempt", "attempt", "cache_hit", "adjustment"]),
            status=random.choice(["ok", "ok", "failed"]),
            cache=random.choice(["hit", "miss", ""]),
            finish_reason=random.choice(["stop", "length", "content_filter"]),
            cost_usd=random.choice(
                [None, Decimal(random.randrange(10**12)).scaleb(-9)]
            ),
            saved_usd=Decimal(random.randrange(10**6)).scaleb(-9),
            input_tokens=random.randrange(10**6),
            reasoning_tokens=random.randrange(10**3),
            fallback=random.random() < 0.2,
        )
        for _ in range(count)
    ]


def by_end_user(project: Project, days: int = DAYS, **where: Any) -> dict[str, Sums]:
    chosen = Selection(
        BEGIN,
        BEGIN + timedelta(days=days),
        {"project_id": [project.pk], **where},
        ("end_user",),
    )
    return {name: sums for (_, name), sums in sums_of(chosen).items()}


def reopened() -> None:
    """Let all be read by the hour."""
    days = EndUserTotal.objects.order_by().values_list("day", flat=True).distinct()
    OpenDay.objects.bulk_create([OpenDay(day=day) for day in days])


def totals_of_the_day() -> dict[str, Decimal]:
    return dict(EndUserTotal.objects.values_list("end_user").annotate(Sum("cost_usd")))


def test_totals_of_days_say_what_the_hours_do(ledger: Ledger, project: Project) -> None:
    write(ledger, *random_events(project))

    roll_up()

    assert not OpenDay.objects.exists()
    assert EndUserTotal.objects.count() < EndUserUsage.objects.count()
    from_totals = by_end_user(project)
    reopened()
    assert by_end_user(project) == from_totals
    assert set(from_totals) == {"ada", "bob", "cleo"}
    cost = UsageEvent.objects.exclude(end_user="").aggregate(cost=Sum("cost_usd"))
    assert sum(each.cost_usd for each in from_totals.values()) == cost["cost"]


@pytest.mark.parametrize("opened", range(DAYS))
def test_an_open_day_among_closed_ones_counts_once(
    ledger: Ledger, project: Project, opened: int
) -> None:
    write(ledger, *random_events(project))
    roll_up()
    expected = by_end_user(project)

    OpenDay.objects.create(day=BEGIN.date() + timedelta(days=opened))

    assert by_end_user(project) == expected
    cuts = tuple(BEGIN + timedelta(days=n) for n in range(DAYS))
    chosen = Selection(
        BEGIN,
        BEGIN + timedelta(days=DAYS),
        {"project_id": [project.pk]},
        ("end_user",),
        cuts,
    )
    found: dict[str, Decimal] = {}
    for (_, name), sums in sums_of(chosen).items():
        found[name] = found.get(name, Decimal(0)) + sums.cost_usd
    assert found == {name: sums.cost_usd for name, sums in expected.items()}


def test_today_stays_open_and_is_told_all_the_same(
    ledger: Ledger, project: Project
) -> None:
    write(ledger, event(project, occurred_at=datetime.now(UTC), cost_usd=Decimal(3)))

    roll_up()
    roll_up()

    assert list(OpenDay.objects.values_list("day", flat=True)) == [today()]
    assert not EndUserTotal.objects.exists()
    begin = start_of(today())
    chosen = Selection(begin, begin + timedelta(days=1), {}, ("end_user",))
    assert sums_of(chosen)[1, "ada"].cost_usd == 3


def test_a_late_event_opens_its_day_until_it_is_summed_anew(
    ledger: Ledger, project: Project
) -> None:
    write(ledger, event(project, cost_usd=Decimal(1)))
    roll_up()
    write(ledger, event(project, cost_usd=Decimal(2), end_user="bob"))
    write(ledger, event(project, cost_usd=Decimal(4), kind="adjustment"))

    roll_up_day(BEGIN.date())

    # Others may read at any moment between.
    assert list(OpenDay.objects.values_list("day", flat=True)) == [BEGIN.date()]
    assert totals_of_the_day() == {"ada": 1}
    assert {name: each.cost_usd for name, each in by_end_user(project).items()} == {
        "ada": 5,
        "bob": 2,
    }

    roll_up()

    assert not OpenDay.objects.exists()
    assert totals_of_the_day() == {"ada": 5, "bob": 2}


def test_a_named_end_user_is_read_by_the_hour_by_any_dimension(
    ledger: Ledger, project: Project
) -> None:
    key = ApiKeyFactory.create(project=project)
    write(
        ledger,
        event(project, api_key_id=key.pk, cost_usd=Decimal(1)),
        event(project, model="small", cost_usd=Decimal(2)),
        event(project, end_user="bob", cost_usd=Decimal(4)),
    )
    roll_up()
    EndUserTotal.objects.all().delete()

    assert by_end_user(project, end_user=["ada"])["ada"].cost_usd == 3
    assert by_end_user(project, api_key_id=[key.pk])["ada"].cost_usd == 1


def test_who_used_what_is_kept_for_a_time_and_all_other_sums_for_good(
    ledger: Ledger, project: Project, settings: Any
) -> None:
    settings.END_USER_RETENTION_DAYS = 30
    settings.EVENT_RETENTION_DAYS = 0
    moments = [start_of(today() - timedelta(days=n)) for n in (29, 31)]
    write(ledger, *(event(project, occurred_at=moment) for moment in moments))
    roll_up()

    assert clear_old() == 2

    kept: date = moments[0].date()
    assert [row.hour.date() for row in EndUserUsage.objects.all()] == [kept]
    assert list(EndUserTotal.objects.values_list("day", flat=True)) == [kept]
    assert HourlyUsage.objects.count() == 2
    settings.END_USER_RETENTION_DAYS = 0
    assert clear_old() == 0
