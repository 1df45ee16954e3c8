"""When something is due, by cron expressions and clocks that change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.cron import Cron, Malformed

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def moments(text: str, since: str, count: int, zone: ZoneInfo) -> list[str]:
    at = datetime.fromisoformat(since).replace(tzinfo=zone)
    found = []
    for _ in range(count):
        after = Cron.parse(text).next_after(at, zone)
        assert after is not None
        at = after
        found.append(at.astimezone(zone).strftime("%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * *", ["05 10:15", "05 10:30", "05 10:45", "05 11:00"]),
        ("0 9 * * mon-fri", ["06 09:00", "07 09:00", "08 09:00", "09 09:00"]),
        ("30 6 1,15 * *", ["15 06:30", "01 06:30", "15 06:30", "01 06:30"]),
        ("0 0 13 * fri", ["09 00:00", "13 00:00", "16 00:00", "23 00:00"]),
        ("0 12 * * 7", ["11 12:00", "18 12:00", "25 12:00", "01 12:00"]),
        ("@daily", ["06 00:00", "07 00:00", "08 00:00", "09 00:00"]),
    ],
)
def test_the_next_moments_are_those_of_cron(text: str, expected: list[str]) -> None:
    assert moments(text, "2026-01-05T10:05", 4, UTC_ZONE) == expected


def test_a_29th_of_february_is_waited_for() -> None:
    found = Cron.parse("0 0 29 2 *").next_after(
        datetime(2025, 3, 1, tzinfo=UTC), UTC_ZONE
    )

    assert found == datetime(2028, 2, 29, tzinfo=UTC)


def test_a_time_that_the_clocks_leave_out_comes_an_hour_later() -> None:
    found = moments("30 2 * * *", "2026-03-28T12:00", 2, BERLIN)

    assert found == ["29 03:30", "30 02:30"]


def test_an_hour_that_comes_twice_counts_once_a_day_and_twice_for_every_hour() -> None:
    daily = moments("30 2 * * *", "2026-10-24T12:00", 2, BERLIN)
    hourly = moments("0 * * * *", "2026-10-25T01:30", 4, BERLIN)

    assert daily == ["25 02:30", "26 02:30"]
    assert hourly == ["25 02:00", "25 02:00", "25 03:00", "25 04:00"]


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "x * * * *", "0 0 31 2 *", "*/0 * * * *"]
)
def test_what_is_no_cron_expression_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Cron.parse(text)


@given(
    text=st.text(alphabet="0123456789*/-, @adefhijlmnorstuwy", max_size=30),
)
def test_no_text_breaks_the_reading_of_cron(text: str) -> None:
    try:
        cron = Cron.parse(text)
    except Malformed:
        return
    assert cron.next_after(datetime(2026, 1, 1, tzinfo=UTC), BERLIN) is not None


@given(
    minute=st.integers(0, 59),
    since=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001
)
def test_what_is_due_every_hour_is_due_within_the_hour(
    minute: int, since: datetime
) -> None:
    moment = since.replace(tzinfo=UTC)

    found = Cron.parse(f"{minute} * * * *").next_after(moment, BERLIN)

    assert found is not None
    assert timedelta(0) < found - moment <= timedelta(hours=1)
