"""Which table holds the sums of which stretch of time."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from django.utils import timezone

from usage.models.end_user_usage import EndUserTotal, EndUserUsage, OpenDay
from usage.models.rollup import (
    FEW_DIMENSIONS,
    DailyShare,
    DailyTotal,
    DailyUsage,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
)

_DAY = timedelta(days=1)
_DAILY = {
    model._meta.db_table for model in (DailyUsage, DailyTotal, DailyShare, EndUserTotal)
}
_FEW = {name.replace("organization", "organization_id") for name in FEW_DIMENSIONS}
_FEW = {name.replace("project", "project_id") for name in _FEW}
_OF_END_USERS = {
    *("organization_id", "project_id", "end_user"),
    *("status", "kind", "cache"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table from a moment to another."""

    table: str
    begin: datetime
    end: datetime

    @property
    def is_daily(self) -> bool:
        return self.table in _DAILY

    @property
    def moment(self) -> str:
        """Return the SQL of when a row begins."""
        return "(day::timestamp AT TIME ZONE 'UTC')" if self.is_daily else "hour"

    @property
    def condition(self) -> tuple[str, list[object]]:
        if self.is_daily:
            days: list[object] = [self.begin.date(), self.end.date()]
            return "day >= %s AND day < %s", days
        return "hour >= %s AND hour < %s", [self.begin, self.end]


def parts_of(
    begin: datetime,
    end: datetime,
    columns: Collection[str],
    cuts: Iterable[datetime] = (),
) -> list[Part]:
    """Return where to read the stretch: days where whole UTC days will do, else hours.

    `columns` are what is grouped and filtered by, `cuts` where buckets begin.
    """
    is_total = _FEW.issuperset(columns)
    return _split(
        begin,
        end,
        (HourlyTotal if is_total else HourlyUsage)._meta.db_table,
        (DailyTotal if is_total else DailyUsage)._meta.db_table,
        cuts,
    )


def parts_by_end_user(
    begin: datetime,
    end: datetime,
    columns: Collection[str],
    cuts: Iterable[datetime] = (),
    *,
    are_few: bool = False,
) -> list[Part]:
    """Return where to read end users: totals of whole days that are closed, else hours.

    To the hours of a few an index leads. A day that is opened meanwhile keeps its totals,
    and one that is closed its hours.
    """
    hourly, daily = EndUserUsage._meta.db_table, EndUserTotal._meta.db_table
    if are_few or not _OF_END_USERS.issuperset(columns):
        return [Part(hourly, begin, end)]
    parts = _split(begin, end, hourly, daily, cuts)
    opened = set(
        OpenDay.objects.filter(day__gte=begin.date(), day__lte=end.date()).values_list(
            "day", flat=True
        )
    )
    return [
        piece
        for part in parts
        for piece in (_pieces(part, hourly, opened) if part.is_daily else [part])
    ]


def _pieces(part: Part, hourly: str, opened: Collection[date]) -> Iterator[Part]:
    """Yield the part, in which the days that are open are read by the hour."""
    days = (part.end - part.begin) // _DAY
    starts = [part.begin + number * _DAY for number in range(days)]
    for is_open, run in groupby(starts, lambda start: start.date() in opened):
        of_run = list(run)
        yield Part(hourly if is_open else part.table, of_run[0], of_run[-1] + _DAY)


def shares_of(begin: datetime, end: datetime) -> list[Part]:
    """Return where to read what models and features cost."""
    tables = HourlyShare._meta.db_table, DailyShare._meta.db_table
    return _split(begin, end, *tables)


def _split(
    begin: datetime,
    end: datetime,
    hourly: str,
    daily: str,
    cuts: Iterable[datetime] = (),
) -> list[Part]:
    first = _midnight(begin + _DAY - timedelta.resolution)
    # A day that has not ended is read by the hour.
    last = _midnight(min(end, timezone.now()))
    if first >= last or any(cut > begin and cut != _midnight(cut) for cut in cuts):
        return [Part(hourly, begin, end)]
    parts = [
        Part(hourly, begin, first),
        Part(daily, first, last),
        Part(hourly, last, end),
    ]
    return [part for part in parts if part.begin < part.end]


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
