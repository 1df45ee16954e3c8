"""Days, weeks and months of reports, where clocks are changed as well."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.reports.periods import CATCH_UP, due_at, ended_periods, period_with

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]


@pytest.mark.parametrize(
    ("kind", "day", "label", "title"),
    [
        ("day", date(2026, 11, 20), "2026-11-20", "Friday, 20 November 2026"),
        ("week", date(2026, 11, 20), "2026-W47", "Week 47, 16 to 22 November 2026"),
        ("week", date(2026, 12, 31), "2026-W53", "28 December 2026 to 3 January 2027"),
        ("month", date(2026, 2, 28), "2026-02", "February 2026"),
    ],
)
def test_a_period_has_a_name_for_machines_and_one_for_people(
    kind: str, day: date, label: str, title: str
) -> None:
    period = period_with(day, kind, BERLIN)

    assert period.label == label
    assert title in period.title


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_a_day_is_as_long_as_the_clock_makes_it_s14(day: str, hours: int) -> None:
    period = period_with(date.fromisoformat(day), "day", BERLIN)

    assert period.end - period.begin == timedelta(hours=hours)


@given(
    day=st.dates(date(2020, 1, 1), date(2036, 1, 1)),
    kind=st.sampled_from(sorted(CATCH_UP)),
    name=st.sampled_from(ZONES),
)
def test_periods_follow_one_another_without_gap_or_overlap(
    day: date, kind: str, name: str
) -> None:
    zone = ZoneInfo(name)
    period = period_with(day, kind, zone)
    before = period.before(zone)

    assert period.first <= day <= period.last
    assert before.end == period.begin
    assert before.label != period.label


def test_it_is_due_at_its_hour_where_it_is_about() -> None:
    zone = ZoneInfo("America/New_York")
    period = period_with(date(2026, 3, 7), "day", zone)
    due = due_at(period, zone, 6)

    # The clock has just been put forward.
    assert due == datetime(2026, 3, 8, 10, tzinfo=UTC)
    created = period.begin
    early = due - timedelta(seconds=1)
    assert period not in list(ended_periods("day", zone, 6, early, created))
    assert period in list(ended_periods("day", zone, 6, due, created))


def test_after_a_long_absence_only_the_last_ones_are_made_up_for() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    long_ago = now - timedelta(days=400)
    for kind, most in CATCH_UP.items():
        found = list(ended_periods(kind, BERLIN, 6, now, long_ago))

        assert len(found) == most
        assert [p.begin for p in found] == sorted(p.begin for p in found)
        assert found[-1].end <= now


def test_a_new_report_is_not_about_the_time_before_it_was_thought_of() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    found = list(ended_periods("day", BERLIN, 6, now, now - timedelta(hours=30)))

    assert [period.label for period in found] == ["2026-11-20"]
