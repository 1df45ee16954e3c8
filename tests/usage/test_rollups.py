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

from tests.usage.events import MOMENT, intent, settlement
from usage.ledger import Ledger
from usage.models import DailyUsage, HourlyUsage, TouchedHour, UsageEvent
from usage.models.rollup import DIMENSIONS
from usage.records import EventRecord, encode
from usage.rollups import roll_up, roll_up_day

SUMMED = [
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
]


def write(ledger: Ledger, *records: EventRecord) -> None:
    ledger.write([b"S" + encode(record) for record in records])


def contents() -> tuple[set[Any], set[Any]]:
    return (
        set(HourlyUsage.objects.values_list("hour", *EVERYTHING)),
        set(DailyUsage.objects.values_list("day", *EVERYTHING)),
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

    for rollup in (HourlyUsage, DailyUsage):
        sums = rollup.objects.aggregate(
            **{name: Sum(name) for name in [*SUMMED, "events", "unpriced"]}
        )
        for name in SUMMED:
            assert sums[name] == sum(getattr(event, name) or 0 for event in events)
        assert sums["events"] == 400
        assert sums["unpriced"] == len([e for e in events if e.cost_usd is None])


def test_each_group_of_an_hour_is_a_row(ledger: Ledger) -> None:
    events = random_events(7, 300)
    expected: dict[Any, Decimal] = defaultdict(Decimal)
    for event in events:
        hour = event.occurred_at.replace(minute=0, second=0)
        group = (hour, event.project_id, event.api_key_id, event.model, event.status)
        expected[group] += event.cost_usd or 0
    write(ledger, *events)

    roll_up()

    rows = HourlyUsage.objects.values_list(
        "hour", "project_id", "api_key_id", "model", "status", "cost_usd"
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
