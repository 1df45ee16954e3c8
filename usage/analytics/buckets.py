"""Local hours, days, weeks and months as stretches of absolute time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

GRANULARITIES = ("hour", "day", "week", "month")

_HOUR = timedelta(hours=1)
_QUARTER = timedelta(minutes=15)


def starts_between(
    begin: datetime, end: datetime, granularity: str, zone: ZoneInfo
) -> Iterator[datetime]:
    """Yield when each bucket begins (UTC), from the one that `begin` lies in.

    Days of 23 and 25 hours are as long as they are; an hour that the clock shows twice
    is two.
    """
    if granularity == "hour":
        yield from _hours(begin, end, zone)
        return
    first = first_day(begin.astimezone(zone).date(), granularity)
    while (start := local_midnight(first, zone)) < end:
        yield start
        first = next_day(first, granularity)


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a local day (UTC)."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def floor(moment: datetime, minutes: int) -> datetime:
    """Return when the part of the UTC hour began that the moment lies in."""
    whole = moment.astimezone(UTC).replace(second=0, microsecond=0)
    return whole - timedelta(minutes=whole.minute % minutes)


def _hours(begin: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    start = _local_hour(begin, zone)
    while start < end:
        yield start
        start = _next_hour(start, zone)


def _local_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return since when (UTC) the clock has shown the hour of that moment."""
    local = moment.astimezone(zone)
    passed = timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )
    start = moment.astimezone(UTC) - passed
    # Clocks are not always set by whole hours, nor at one.
    while start.astimezone(zone).utcoffset() != local.utcoffset():
        start += _QUARTER
    return start


def _next_hour(start: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock shows another hour, or the same one for the second time."""
    offset = start.astimezone(zone).utcoffset()
    following = _local_hour(start + _HOUR, zone)
    if following.astimezone(zone).utcoffset() != offset:
        following = start + _QUARTER
        while following.astimezone(zone).utcoffset() == offset:
            following += _QUARTER
    return following


def first_day(day: date, granularity: str) -> date:
    """Return the first day of the day, week or month that the day is in."""
    match granularity:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
    return day


def next_day(day: date, granularity: str) -> date:
    """Return the first day of the next one, from the first of this one."""
    match granularity:
        case "week":
            return day + timedelta(days=7)
        case "month":
            return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=1)
