import threading
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models import Sum

from tests.factories import OrganizationFactory
from tests.usage.events import MOMENT, intent, settlement
from usage.analytics.sketches import time_of
from usage.ledger import Ledger
from usage.models import (
    DailyShare,
    DailyTotal,
    DailyUsage,
    EndUserUsage,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
    TouchedHour,
    UsageEvent,
)
from usage.models.rollup import DIMENSIONS
from usage.records import EventRecord, encode
from usage.rollups import roll_up, roll_up_day

SUMMED = [
    "saved_usd",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
]
EVERYTHING = [
    *DIMENSIONS,
    *SUMMED,
    "events",
    "requests",
    "unpriced",
    "estimated",
    "fallbacks",
    "latency_ms_sum",
    "first_token_ms_sum",
    "first_tokens",
    "latency_buckets",
    "latency_counts",
    "first_token_buckets",
    "first_token_counts",
]


def write(ledger: Ledger, *records: EventRecord) -> None:
    ledger.write([b"S" + encode(record) for record in records])


def contents() -> tuple[set[str], ...]:
    return (
        set(map(str, HourlyUsage.objects.values_list("hour", *EVERYTHING))),
        set(map(str, DailyUsage.objects.values_list("day", *EVERYTHING))),
        set(map(str, DailyTotal.objects.values_list("day", "events", "cost_usd"))),
        set(map(str, EndUserUsage.objects.values_list("hour", *EVERYTHING))),
    )


def random_events(seed: int, count: int) -> list[EventRecord]:
    """Return events over three days, from few groups, with awkward amounts."""
    random = Random(seed)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    requests = [intent().id for _ in range(count // 2)]
    return [
        settlement(
            occurred_at=begin + timedelta(seconds=random.randrange(3 * 86400)),
            request_id=random.choice(requests),
            project_id=random.randint(1, 2),
            api_key_id=random.choice([None, 1]),
            model=random.choice(["large", "small"]),
            status=random.choice(["ok", "failed", "cancelled"]),
            input_tokens=random.randrange(10**6),
            cache_read_tokens=random.randrange(10**6),
            output_tokens=random.randrange(10**6),
            reasoning_tokens=random.randrange(10**6),
            kind=random.choice(["attempt", "attempt", "cache_hit"]),
            saved_usd=Decimal(random.randrange(10**13)).scaleb(-12),
            end_user=random.choice(["", "ada", "bob"]),
            cost_usd=random.choice(
                [None, Decimal(random.randrange(10**13)).scaleb(-12)]
            ),
            estimated=random.random() < 0.1,
            fallback=random.random() < 0.1,
            latency_ms=random.random() * 1000,
            first_token_ms=random.choice([None, random.random() * 100]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_rollups_equal_the_events_to_the_last_decimal(
    ledger: Ledger, seed: int
) -> None:
    events = random_events(seed, 400)
    write(ledger, *events)

    roll_up()

    hits = [event for event in events if event.kind == "cache_hit"]
    saved = sum(event.saved_usd or 0 for event in hits)
    for rollup in (HourlyUsage, DailyUsage, HourlyTotal, DailyTotal):
        sums = rollup.objects.aggregate(
            **{name: Sum(name) for name in [*SUMMED, "events", "unpriced"]}
        )
        for name in SUMMED[1:]:
            assert sums[name] == sum(getattr(event, name) or 0 for event in events)
        assert sums["saved_usd"] == saved
        assert sums["events"] == 400
        assert sums["unpriced"] == len([e for e in events if e.cost_usd is None])


def test_each_group_of_an_hour_is_a_row(ledger: Ledger) -> None:
    events = random_events(7, 300)
    expected: dict[Any, Decimal] = defaultdict(Decimal)
    for event in events:
        hour = event.occurred_at.replace(minute=0, second=0)
        group = (
            hour,
            event.project_id,
            event.api_key_id,
            event.model,
            event.status,
            event.kind,
        )
        expected[group] += event.cost_usd or 0
    write(ledger, *events)

    roll_up()

    rows = HourlyUsage.objects.values_list(
        "hour", "project_id", "api_key_id", "model", "status", "kind", "cost_usd"
    )
    assert {row[:-1]: row[-1] for row in rows} == expected
    assert len(rows) == len(expected)


def test_attempts_of_one_request_count_as_one(ledger: Ledger) -> None:
    first = settlement()
    write(ledger, first, settlement(request_id=first.request_id, attempt=2))

    roll_up()

    row = HourlyUsage.objects.get()
    assert (row.events, row.requests) == (2, 1)


def test_rolling_up_again_changes_nothing(ledger: Ledger) -> None:
    events = random_events(1, 200)
    write(ledger, *events)
    roll_up()
    before = contents()

    without_news = roll_up()
    TouchedHour.objects.bulk_create(
        TouchedHour(hour=event.occurred_at.replace(minute=0, second=0))
        for event in events
    )
    with_marks = roll_up()

    assert without_news == 0
    assert with_marks > 0
    assert contents() == before


def test_a_late_event_reopens_its_hour(ledger: Ledger) -> None:
    write(ledger, settlement(cost_usd=Decimal(1)))
    roll_up()

    write(ledger, settlement(cost_usd=Decimal(2)))
    reopened = roll_up()

    assert reopened == 1
    assert HourlyUsage.objects.get().cost_usd == 3
    assert DailyUsage.objects.get().cost_usd == 3


def test_an_exact_figure_that_comes_late_replaces_the_estimate(ledger: Ledger) -> None:
    asked = intent(cost_usd=Decimal(9))
    write(ledger, asked)
    roll_up()

    write(ledger, settlement(asked, cost_usd=Decimal(2)))
    roll_up()

    day = DailyUsage.objects.get()
    assert (day.status, day.estimated, day.cost_usd) == ("ok", 0, Decimal(2))


def test_an_event_committed_during_a_roll_up_is_not_missed(ledger: Ledger) -> None:
    write(ledger, settlement())

    with transaction.atomic():
        roll_up_day(MOMENT.date())
        write(ledger, settlement())
    marks = TouchedHour.objects.count()
    roll_up()

    assert marks == 1
    assert DailyUsage.objects.get().events == 2


def test_a_day_ends_at_midnight_utc(ledger: Ledger) -> None:
    midnight = datetime(2026, 3, 15, tzinfo=UTC)
    write(
        ledger,
        settlement(occurred_at=midnight - timedelta(microseconds=1)),
        settlement(occurred_at=midnight),
    )

    roll_up()

    assert sorted(DailyUsage.objects.values_list("day", "events")) == [
        (date(2026, 3, 14), 1),
        (date(2026, 3, 15), 1),
    ]


def test_concurrent_roll_ups_while_events_arrive_agree_with_the_events(
    ledger: Ledger,
) -> None:
    events = random_events(3, 1000)
    done = threading.Event()

    def keep_rolling_up() -> None:
        while not done.is_set():
            roll_up()
        connections.close_all()

    threads = [threading.Thread(target=keep_rolling_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 1000, 20):
        write(ledger, *events[start : start + 20])
    done.set()
    for thread in threads:
        thread.join()
    roll_up()

    assert UsageEvent.objects.count() == 1000
    for rollup in (HourlyUsage, DailyUsage):
        sums = rollup.objects.aggregate(events=Sum("events"), cost=Sum("cost_usd"))
        assert sums == {
            "events": 1000,
            "cost": sum(event.cost_usd or 0 for event in events),
        }


def test_a_day_that_another_process_is_busy_with_is_left_to_it(ledger: Ledger) -> None:
    write(ledger, settlement())
    hours: list[int] = []

    def roll_up_meanwhile() -> None:
        hours.append(roll_up())
        connections.close_all()

    with transaction.atomic():
        hours.append(roll_up())
        other = threading.Thread(target=roll_up_meanwhile)
        other.start()
        other.join()

    assert hours == [1, 0]
    assert DailyUsage.objects.get().events == 1


def test_the_command_says_how_many_hours_there_were(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, settlement())

    call_command("roll_up")

    assert capsys.readouterr().out == "1 hours rolled up.\n"


def test_sketches_hold_every_time_to_one_percent(ledger: Ledger) -> None:
    random = Random(5)
    # Over two hours, so that the day's sketch is merged.
    times = [random.lognormvariate(6, 2) for _ in range(200)]
    write(
        ledger,
        *(
            settlement(
                occurred_at=MOMENT + timedelta(hours=index % 2),
                latency_ms=time,
                first_token_ms=time if index < 10 else None,
            )
            for index, time in enumerate(times)
        ),
    )

    roll_up()

    for row in (DailyUsage.objects.get(), DailyTotal.objects.get()):
        sketched = [
            time_of(bucket)
            for bucket, count in zip(
                row.latency_buckets, row.latency_counts, strict=True
            )
            for _ in range(count)
        ]
        for time, known in zip(sorted(times), sketched, strict=True):
            assert known == pytest.approx(time, rel=0.0101)
        assert sum(row.first_token_counts) == 10


def test_what_models_and_features_cost_is_summed_apart(ledger: Ledger) -> None:
    write(
        ledger,
        settlement(model="large", feature="summary", cost_usd=Decimal(1)),
        settlement(model="large", cost_usd=Decimal(2)),
        settlement(model="small", feature="summary", cost_usd=Decimal(4)),
        settlement(model="small", kind="adjustment", cost_usd=Decimal(-1)),
    )

    roll_up()

    for shares in (HourlyShare, DailyShare):
        rows = shares.objects.values_list(
            "provider", "model", "feature", "events", "cost_usd"
        )
        assert sorted(rows) == [
            ("", "", "summary", 2, Decimal(5)),
            ("acme", "large", "", 2, Decimal(3)),
            ("acme", "small", "", 1, Decimal(3)),
        ]


def test_a_time_of_nothing_is_sketched_too(ledger: Ledger) -> None:
    write(ledger, settlement(latency_ms=0), settlement(latency_ms=-1))

    roll_up()

    assert HourlyUsage.objects.get().latency_counts == [2]


def test_end_users_have_sums_of_their_own(ledger: Ledger) -> None:
    write(
        ledger,
        settlement(end_user="ada", cost_usd=Decimal(1)),
        settlement(end_user="ada", cost_usd=Decimal(2)),
        settlement(end_user="bob", cost_usd=Decimal(4)),
        settlement(cost_usd=Decimal(8)),
    )

    roll_up()

    rows = EndUserUsage.objects.values_list("end_user", "cost_usd", "events")
    assert sorted(rows) == [("ada", Decimal(3), 2), ("bob", Decimal(4), 1)]
    assert HourlyUsage.objects.get().cost_usd == 15


def test_names_of_any_length_and_script_are_summed(ledger: Ledger) -> None:
    letters = "".join(chr(0x20000 + index) for index in range(200))
    write(
        ledger,
        settlement(
            end_user=letters,
            feature=letters[:100],
            alias=letters,
            model=letters,
            error_code=letters[:64],
        ),
    )

    roll_up()

    assert EndUserUsage.objects.get().end_user == letters


def test_results_of_the_cache_and_errors_are_told_apart(ledger: Ledger) -> None:
    write(
        ledger,
        settlement(cache="miss", other_usage={"audio_in": 3, "second": 1}),
        settlement(cache="miss", other_usage={"audio_in": 4}),
        settlement(cache="hit", kind="cache_hit", saved_usd=Decimal("0.5")),
        settlement(status="failed", error_code="upstream_timeout"),
        settlement(status="failed", error_code="upstream_error"),
    )

    roll_up()

    rows = DailyUsage.objects.values_list("cache", "error_code", "events", "saved_usd")
    assert sorted(rows) == [
        ("", "upstream_error", 1, 0),
        ("", "upstream_timeout", 1, 0),
        ("hit", "", 1, Decimal("0.5")),
        ("miss", "", 2, 0),
    ]
    usage = DailyUsage.objects.get(cache="miss").other_usage
    assert usage == {"audio_in": 7, "second": 1}
    assert DailyTotal.objects.get(cache="miss").other_usage == usage


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [("Asia/Kathmandu", [0, 15]), ("Asia/Kolkata", [0]), ("Europe/Berlin", [0])],
)
def test_hours_are_split_where_local_days_begin_within_them(
    ledger: Ledger, zone: str, minutes: list[int]
) -> None:
    organization = OrganizationFactory.create(time_zone=zone)
    hour = MOMENT.replace(minute=0, second=0)
    write(
        ledger,
        *(
            settlement(
                organization_id=organization.pk,
                occurred_at=hour + timedelta(minutes=minute),
            )
            for minute in (14, 16)
        ),
    )

    roll_up()

    hours = HourlyUsage.objects.order_by("hour").values_list("hour", flat=True)
    assert list(hours) == [hour + timedelta(minutes=minute) for minute in minutes]
    assert DailyUsage.objects.get().events == 2


def test_a_new_time_zone_splits_the_hours_that_are_there(ledger: Ledger) -> None:
    organization = OrganizationFactory.create()
    hour = MOMENT.replace(minute=0, second=0)
    for minute in (5, 35):
        write(
            ledger,
            settlement(
                organization_id=organization.pk,
                occurred_at=hour + timedelta(minutes=minute),
            ),
        )
    roll_up()
    whole = HourlyUsage.objects.count()

    organization.time_zone = "Asia/Kolkata"
    organization.save()
    roll_up()
    split = HourlyUsage.objects.count()
    organization.time_zone = "UTC"
    organization.save()
    roll_up()

    assert (whole, split, HourlyUsage.objects.count()) == (1, 2, 1)


def test_days_of_absence_are_caught_up(ledger: Ledger) -> None:
    days = [MOMENT + timedelta(days=number) for number in range(9)]
    for day in days:
        write(ledger, settlement(occurred_at=day), settlement(occurred_at=day))

    hours = roll_up()

    assert hours == 9
    rows = DailyUsage.objects.order_by("day").values_list("day", "events")
    assert list(rows) == [(day.date(), 2) for day in days]
    assert not TouchedHour.objects.exists()
