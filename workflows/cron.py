"""Cron expressions: five fields that say at which minutes something is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from celery.schedules import ParseException, crontab_parser

_DAYS = 7
# A 29th of February on a certain day of the week comes at least so often.
_LOOK_AHEAD = timedelta(days=366 * 41)
_HOURS = 24
_FIELDS = "minute, hour, day of the month, month and day of the week"
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


class Malformed(ValueError):
    """This is no cron expression; the message says why."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes, hours, days and months; of days of the week 0 is Sunday."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    # As cron has it: where both are given, one of them is enough.
    either_day: bool

    @staticmethod
    @lru_cache(maxsize=1_000)
    def parse(text: str) -> Cron:
        """Read an expression. Raises `Malformed`."""
        fields = _NAMED.get(text.strip().lower(), text).split()
        if len(fields) != 5:
            msg = f"There are five fields, {_FIELDS}; * stands for every one."
            raise Malformed(msg)
        minutes, hours, days, months, weekdays = fields
        found = Cron(
            tuple(sorted(_read(minutes, 60, 0, "minute"))),
            tuple(sorted(_read(hours, _HOURS, 0, "hour"))),
            _read(days, 31, 1, "day of the month"),
            _read(months, 12, 1, "month"),
            frozenset(n % _DAYS for n in _read(weekdays, 8, 0, "day of the week")),
            either_day=not days.startswith("*") and not weekdays.startswith("*"),
        )
        if found.next_after(datetime(2024, 1, 1, tzinfo=UTC), ZoneInfo("UTC")) is None:
            raise Malformed("There is no such day in any year.")
        return found

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the first moment after that one at which it is due, in UTC.

        A time that the clocks leave out comes as much later as they were put forward.
        What is due once or more in a day happens once in an hour that comes twice; what
        is due in every hour happens in both.
        """
        local = moment.astimezone(zone)
        day, last = local.date(), local.date() + _LOOK_AHEAD
        # An hour before is looked at too, for the clocks may just have been put forward.
        since = local.hour - 1
        while day <= last:
            if day.month not in self.months:
                day = _next_month(day)
            else:
                found = self._first_on(day, since, moment, zone)
                if found is not None:
                    return found
                day += timedelta(days=1)
            since = 0
        return None

    def _first_on(
        self, day: date, since: int, moment: datetime, zone: ZoneInfo
    ) -> datetime | None:
        if not self._has_day(day):
            return None
        for hour in self.hours:
            if hour >= since:
                later = [at for at in self._in_hour(day, hour, zone) if at > moment]
                if later:
                    return min(later)
        return None

    def _has_day(self, day: date) -> bool:
        in_month, in_week = (
            day.day in self.days,
            day.isoweekday() % _DAYS in self.weekdays,
        )
        return in_month or in_week if self.either_day else in_month and in_week

    def _in_hour(self, day: date, hour: int, zone: ZoneInfo) -> Iterator[datetime]:
        folds = (0, 1) if len(self.hours) == _HOURS else (0,)
        for minute in self.minutes:
            for fold in folds:
                at = datetime.combine(day, time(hour, minute, fold=fold), zone)
                yield at.astimezone(UTC)


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _read(text: str, count: int, first: int, name: str) -> frozenset[int]:
    """Return the numbers that a field stands for."""
    try:
        found = frozenset(crontab_parser(count, first).parse(text))
    except (ParseException, ValueError, KeyError) as error:
        msg = f"{text[:50]!r} is no {name}."
        raise Malformed(msg) from error
    if not found:
        msg = f"{text[:50]!r} names no {name}."
        raise Malformed(msg)
    return found
