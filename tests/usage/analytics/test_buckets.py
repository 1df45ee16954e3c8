"""S14: local hours, days, weeks and months, across changes of the clock."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from usage.analytics.buckets import starts_between

HOUR = timedelta(hours=1)


def lengths(zone: str, begin: datetime, end: datetime, granularity: str) -> list[float]:
    starts = [*starts_between(begin, end, granularity, ZoneInfo(zone)), end]
    return [(b - a) / HOUR for a, b in itertools.pairwise(starts)]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("Australia/Lord_Howe", (2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
        ("America/Santiago", (2026, 9, 6), 23),
        ("Asia/Kathmandu", (2026, 3, 29), 24),
    ],
)
def test_a_local_day_is_as_long_as_it_is(
    zone: str, day: tuple[int, int, int], hours: float
) -> None:
    noon = datetime(*day, 12, tzinfo=ZoneInfo(zone))
    following = datetime(*day, tzinfo=ZoneInfo(zone)) + timedelta(days=1)

    found = lengths(zone, noon, following.astimezone(UTC), "day")

    assert found == [hours]


def test_an_hour_that_the_clock_shows_twice_is_two() -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2026, 10, 25, tzinfo=zone)
    end = datetime(2026, 10, 26, tzinfo=zone)

    starts = list(starts_between(begin, end, "hour", zone))

    assert len(starts) == 25
    shown = [start.astimezone(zone).hour for start in starts]
    assert shown[:5] == [0, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("zone", "day", "shown"),
    [
        # At two it is half past two, and half a year earlier half past one once more.
        ("Australia/Lord_Howe", (2026, 10, 4), ["01:00", "02:30", "03:00", "04:00"]),
        ("Australia/Lord_Howe", (2026, 4, 5), ["01:00", "01:30", "02:00", "03:00"]),
        # Clocks are set at a quarter to three, and to four.
        ("Pacific/Chatham", (2026, 9, 27), ["01:00", "02:00", "03:45", "04:00"]),
        ("Pacific/Chatham", (2026, 4, 5), ["02:00", "03:00", "02:45", "03:00"]),
        ("Europe/Berlin", (2026, 3, 29), ["01:00", "03:00", "04:00"]),
        ("Europe/Berlin", (2026, 10, 25), ["01:00", "02:00", "02:00", "03:00"]),
    ],
)
def test_an_hour_begins_where_the_clock_is_set(
    zone: str, day: tuple[int, int, int], shown: list[str]
) -> None:
    info = ZoneInfo(zone)
    first = datetime(*day, int(shown[0][:2]), 10, tzinfo=info).astimezone(UTC)
    begin = first - timedelta(minutes=10)

    starts = list(itertools.islice(_hours_from(first, info), len(shown)))

    assert [f"{start.astimezone(info):%H:%M}" for start in starts] == shown
    assert starts[0] == begin
    # Whichever moment is asked about first, the hours are the same.
    for minutes in range(0, int((starts[-1] - begin) / timedelta(minutes=1)), 5):
        moment = begin + timedelta(minutes=minutes)
        (found, *_) = _hours_from(moment, info)
        assert found == max(start for start in starts if start <= moment)


def _hours_from(moment: datetime, zone: ZoneInfo) -> list[datetime]:
    return list(starts_between(moment, moment + 6 * HOUR, "hour", zone))


@pytest.mark.parametrize(
    "zone", ["Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe"]
)
def test_hours_begin_when_the_clock_says_so(zone: str) -> None:
    begin = datetime(2026, 4, 4, 3, 7, tzinfo=UTC)

    starts = list(
        starts_between(begin, begin + timedelta(days=2), "hour", ZoneInfo(zone))
    )

    assert starts[0] <= begin < starts[1]
    assert {start.astimezone(ZoneInfo(zone)).minute for start in starts} <= {0, 30, 45}
    assert all(HOUR / 4 <= b - a <= HOUR for a, b in itertools.pairwise(starts))


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2026, 1, 15, 12, tzinfo=UTC)
    end = datetime(2026, 3, 2, tzinfo=UTC)

    weeks = [s.astimezone(zone) for s in starts_between(begin, end, "week", zone)]
    months = [s.astimezone(zone) for s in starts_between(begin, end, "month", zone)]

    assert {(each.weekday(), each.hour) for each in weeks} == {(0, 0)}
    assert [(each.month, each.day) for each in months] == [(1, 1), (2, 1), (3, 1)]
