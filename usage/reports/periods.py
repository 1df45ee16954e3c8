"""The days, weeks and months that reports are about, in their own time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from usage.analytics.buckets import first_day, local_midnight, next_day

# So many periods are made up for after an absence.
CATCH_UP = {"day": 7, "week": 4, "month": 3}


@dataclass(frozen=True, slots=True)
class Period:
    """From the first moment to the one after the last (UTC); `last` is a local day."""

    kind: str
    begin: datetime
    end: datetime
    first: date
    last: date

    @property
    def label(self) -> str:
        """Return what it is known by, whatever the zone."""
        match self.kind:
            case "week":
                year, week, _ = self.first.isocalendar()
                return f"{year}-W{week:02}"
            case "month":
                return f"{self.first:%Y-%m}"
        return f"{self.first}"

    @property
    def title(self) -> str:
        match self.kind:
            case "week":
                return f"Week {self.first.isocalendar().week}, {_days(self)}"
            case "month":
                return f"{self.first:%B %Y}"
        return f"{self.first:%A, %-d %B %Y}"

    def before(self, zone: ZoneInfo) -> "Period":
        """Return the period before this one."""
        return period_with(self.first - timedelta(days=1), self.kind, zone)


def period_with(day: date, kind: str, zone: ZoneInfo) -> Period:
    """Return the period that a local day lies in.

    Days are as long as the clock makes them: 23 or 25 hours where it is changed.
    """
    first = first_day(day, kind)
    following = next_day(first, kind)
    return Period(
        kind,
        local_midnight(first, zone),
        local_midnight(following, zone),
        first,
        following - timedelta(days=1),
    )


def ended_periods(
    kind: str, zone: ZoneInfo, hour: int, now: datetime, since: datetime
) -> Iterator[Period]:
    """Yield the periods whose report is due, the oldest first.

    It is due at that local hour after the period's end. Periods that ended before `since`
    are left out, and so is what is too long ago.
    """
    found: list[Period] = []
    period = period_with(now.astimezone(zone).date(), kind, zone).before(zone)
    while len(found) < CATCH_UP[kind] and period.end > since:
        if due_at(period, zone, hour) <= now:
            found.append(period)
        period = period.before(zone)
    yield from reversed(found)


def due_at(period: Period, zone: ZoneInfo, hour: int) -> datetime:
    """Return when the report is drawn up (UTC)."""
    day = period.last + timedelta(days=1)
    local = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
    return local.astimezone(UTC)


def _days(period: Period) -> str:
    first, last = period.first, period.last
    begin = f"{first:%-d %B}" if first.month != last.month else f"{first.day}"
    if first.year != last.year:
        begin = f"{first:%-d %B %Y}"
    return f"{begin} to {last:%-d %B %Y}"
