"""Sums of events per hour and day, recomputed and replaced, never added to."""

import logging
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from usage.days import end_of, is_expired, partition_of, start_of, today
from usage.hours import follow_time_zones
from usage.models import OpenDay
from usage.rollup_statements import (
    CLEAR_DAY,
    CLEAR_END_USERS,
    CLOSE_DAY,
    FILL_DAY,
    FILL_END_USERS,
    OPEN_DAY,
    REPLACE_HOUR,
)

logger = logging.getLogger(__name__)

# Statistics know nothing of the newest rows. Taken for a few, they are joined one by one,
# which takes minutes for those of a day.
_FOR_NEW_ROWS = "SET LOCAL enable_nestloop = off; SET LOCAL jit = off"
_AS_USUAL = "SET LOCAL enable_nestloop = DEFAULT; SET LOCAL jit = DEFAULT"


def roll_up() -> int:
    """Bring the rollups of all touched hours up to date; return how many hours.

    May run as often, and in as many processes, as one likes; a day that another one is
    busy with is left to it and to the next time.
    """
    follow_time_zones()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day "
            "FROM usage_touchedhour ORDER BY day"
        )
        days = [day for (day,) in cursor.fetchall()]
    hours = sum(roll_up_day(day, wait=False) for day in days)
    _close_days()
    return hours


def roll_up_day(day: date, *, wait: bool = True) -> int:
    """Replace the touched hours of a day (UTC), and the day; return how many hours.

    The marks are taken before the events are read, each by a statement of its own: an
    event that is committed in between is counted now, and its own mark is still there.
    """
    begin, end = start_of(day), end_of(day)
    with transaction.atomic(), connection.cursor() as cursor:
        if not _lock(cursor, day, wait=wait):
            return 0
        cursor.execute(
            "WITH taken AS (DELETE FROM usage_touchedhour "
            "WHERE hour >= %s AND hour < %s RETURNING hour) "
            "SELECT DISTINCT hour FROM taken ORDER BY hour",
            [begin, end],
        )
        hours = [hour for (hour,) in cursor.fetchall()]
        if not hours:
            return 0
        if _is_forgotten(cursor, day):
            logger.warning("event too late for its rollup", extra={"day": str(day)})
            return 0
        cursor.execute(_FOR_NEW_ROWS)
        for hour in hours:
            _replace_hour(cursor, hour)
        _replace_day(cursor, day, begin, end)
        cursor.execute(_AS_USUAL)
        cursor.execute(OPEN_DAY, [day])
    return len(hours)


def _close_days() -> None:
    """Sum up what end users did on the days that are over.

    They are as many rows as events at worst, too many to be summed with each news.
    """
    days = OpenDay.objects.filter(day__lt=today()).order_by("day")
    for day in list(days.values_list("day", flat=True)):
        _close_day(day)


def _close_day(day: date) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if not _lock(cursor, day, wait=False):
            return
        cursor.execute(CLOSE_DAY, [day])
        if cursor.rowcount:
            cursor.execute(CLEAR_END_USERS, [day])
            cursor.execute(FILL_END_USERS, [day, start_of(day), end_of(day)])


def _lock(cursor: CursorWrapper, day: date, *, wait: bool) -> bool:
    """Keep others from the day in this transaction; False when they were first."""
    lock = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    cursor.execute(
        f"SELECT {lock}(hashtextextended(%s, 0))",
        [f"usage.rollups {day}"],
    )
    row = cursor.fetchone()
    return wait or bool(row and row[0])


def _is_forgotten(cursor: CursorWrapper, day: date) -> bool:
    """Tell whether the events of the day were dropped, so that it cannot be summed."""
    cursor.execute("SELECT to_regclass(%s) IS NULL", [partition_of(day)])
    row = cursor.fetchone()
    return is_expired(day) and bool(row and row[0])


def _replace_hour(cursor: CursorWrapper, hour: datetime) -> None:
    for statement in REPLACE_HOUR:
        cursor.execute(statement, [hour, hour + timedelta(hours=1)])


def _replace_day(
    cursor: CursorWrapper, day: date, begin: datetime, end: datetime
) -> None:
    for statement in CLEAR_DAY:
        cursor.execute(statement, [day])
    for statement in FILL_DAY:
        cursor.execute(statement, [begin, end, day])
