import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections
from pytest_django import Settings

from tests.usage.events import settlement
from tests.usage.stored import statuses
from usage import partitions
from usage.days import partition_of, start_of, today
from usage.ledger import Ledger, connection_parameters
from usage.models import DailyUsage, TouchedHour
from usage.records import EventRecord, encode
from usage.rollups import roll_up

LONG_AGO = date(2025, 12, 1)
A_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def fresh_partitions(transactional_db: None) -> Iterator[None]:
    """Undo what a test does to partitions, which are not rolled back or flushed."""
    yield
    with connection.cursor() as cursor:
        for day in partitions.existing_days():
            cursor.execute(f"DROP TABLE {partition_of(day)}")
    partitions.make_ahead()


def write(ledger: Ledger, *records: EventRecord) -> int:
    return ledger.write([b"S" + encode(record) for record in records])


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_a_migrated_database_has_the_partitions_of_this_week() -> None:
    days = partitions.existing_days()
    # It may have been midnight since.
    first = today() if today() + timedelta(days=7) in days else today() - A_DAY

    assert {first + timedelta(days=ahead) for ahead in range(8)} <= set(days)
    assert set(partitions.make_ahead()) <= {first + timedelta(days=8)}


def test_an_event_goes_into_the_partition_of_its_day(ledger: Ledger) -> None:
    write(ledger, settlement(occurred_at=datetime.now(UTC)))

    assert rows_in(partition_of(today())) == 1


def test_events_that_came_before_their_partition_are_moved(ledger: Ledger) -> None:
    at = start_of(LONG_AGO)
    inside = [settlement(occurred_at=at + timedelta(hours=h)) for h in (0, 12, 23)]
    outside = settlement(occurred_at=at + timedelta(days=1))
    write(ledger, *inside, outside)
    in_default = rows_in(partitions.DEFAULT_PARTITION)

    made = partitions.make_ahead()

    assert in_default == 4
    assert made == [LONG_AGO, LONG_AGO + timedelta(days=1)]
    assert rows_in(partition_of(LONG_AGO)) == 3
    assert rows_in(partitions.DEFAULT_PARTITION) == 0
    assert write(ledger, *inside, outside) == 0
    assert len(statuses()) == 4


def test_a_moved_event_keeps_every_column(ledger: Ledger) -> None:
    write(ledger, settlement(occurred_at=start_of(LONG_AGO), end_user="Zoë"))
    query = "SELECT to_jsonb(e) FROM usage_usageevent e"
    with connection.cursor() as cursor:
        cursor.execute(query)
        before = cursor.fetchone()

    partitions.make_ahead()

    with connection.cursor() as cursor:
        cursor.execute(query)
        assert cursor.fetchone() == before


def test_partitions_are_made_while_events_arrive(ledger: Ledger) -> None:
    events = [settlement(occurred_at=start_of(LONG_AGO)) for _ in range(2000)]
    write(ledger, *events[:10])

    def keep_writing() -> None:
        for start in range(10, 2000, 10):
            write(ledger, *events[start : start + 10])

    writer = threading.Thread(target=keep_writing)
    writer.start()
    made = partitions.make_ahead()
    writer.join()

    assert made == [LONG_AGO]
    assert set(statuses()) == {event.id for event in events}


def test_two_at_once_make_each_partition_once() -> None:
    with connection.cursor() as cursor:
        for day in partitions.existing_days():
            cursor.execute(f"DROP TABLE {partition_of(day)}")
    made: list[date] = []

    def make() -> None:
        made.extend(partitions.make_ahead())
        connections.close_all()

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [today() + timedelta(days=ahead) for ahead in range(8)]


def test_days_beyond_retention_are_dropped_and_their_rollups_stay(
    ledger: Ledger, settings: Settings
) -> None:
    settings.EVENT_RETENTION_DAYS = 0
    write(ledger, settlement(occurred_at=start_of(LONG_AGO)))
    partitions.make_ahead()
    kept_forever = partitions.drop_old()

    settings.EVENT_RETENTION_DAYS = 30
    dropped = partitions.drop_old()

    assert kept_forever == []
    assert dropped == [LONG_AGO]
    assert statuses() == {}
    assert DailyUsage.objects.get().day == LONG_AGO


def test_the_last_day_of_retention_is_kept(ledger: Ledger, settings: Settings) -> None:
    settings.EVENT_RETENTION_DAYS = 30
    last = today() - timedelta(days=30)
    write(ledger, settlement(occurred_at=start_of(last)))

    partitions.maintain()

    assert rows_in(partition_of(last)) == 1


def test_an_event_too_late_for_its_day_does_not_replace_the_rollup(
    ledger: Ledger, settings: Settings
) -> None:
    settings.EVENT_RETENTION_DAYS = 0
    write(ledger, *(settlement(occurred_at=start_of(LONG_AGO)) for _ in range(5)))
    partitions.make_ahead()
    settings.EVENT_RETENTION_DAYS = 30
    partitions.drop_old()

    write(ledger, settlement(occurred_at=start_of(LONG_AGO)))
    roll_up()
    partitions.maintain()

    assert DailyUsage.objects.get().events == 5
    assert not TouchedHour.objects.exists()
    assert statuses() == {}


def test_a_locked_table_is_given_up_for_now(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partitions, "TRIES", 2)
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "100ms")
    missing = max(partitions.existing_days())
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {partition_of(missing)}")

    with psycopg.connect(**connection_parameters()) as other:
        other.execute(f"LOCK TABLE {partitions.DEFAULT_PARTITION}")
        while_locked = partitions.make_ahead()

    assert while_locked == []
    assert caplog.messages == ["partitions busy", "partitions busy"]
    assert partitions.make_ahead() == [missing]


def test_the_command_says_what_it_did(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, settlement(occurred_at=start_of(LONG_AGO)))

    call_command("maintain_partitions")

    assert capsys.readouterr().out == "2025-12-01 made.\n"
