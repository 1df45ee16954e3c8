"""Sums of events per hour and day, recomputed and replaced, never added to."""

import logging
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from usage.days import end_of, is_expired, partition_of, start_of
from usage.models.rollup import DIMENSIONS, UsageRollup

logger = logging.getLogger(__name__)

_GROUP = ", ".join(
    field.attname
    for field in UsageRollup._meta.concrete_fields
    if field.name in DIMENSIONS
)

# Floats are summed as numbers that do not depend on the order of the rows.
_SUMS_OF_EVENTS = {
    "events": "count(*)",
    "requests": "count(DISTINCT request_id)",
    "input_tokens": "sum(input_tokens)",
    "cache_read_tokens": "sum(cache_read_tokens)",
    "cache_write_tokens": "sum(cache_write_tokens)",
    "output_tokens": "sum(output_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "cost_usd": "coalesce(sum(cost_usd), 0)",
    "unpriced": "count(*) FILTER (WHERE cost_usd IS NULL)",
    "estimated": "count(*) FILTER (WHERE estimated)",
    "fallbacks": "count(*) FILTER (WHERE fallback)",
    "latency_ms_sum": "sum(latency_ms::numeric)",
    "first_token_ms_sum": "coalesce(sum(first_token_ms::numeric), 0)",
    "first_tokens": "count(first_token_ms)",
}
_SUMS_OF_HOURS = {
    name: f"sum({name}::numeric)" if name.endswith("_ms_sum") else f"sum({name})"
    for name in _SUMS_OF_EVENTS
}


def roll_up() -> int:
    """Bring the rollups of all touched hours up to date; return how many hours.

    May run as often, and in as many processes, as one likes; a day that another one is
    busy with is left to it and to the next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day "
            "FROM usage_touchedhour ORDER BY day"
        )
        days = [day for (day,) in cursor.fetchall()]
    return sum(roll_up_day(day, wait=False) for day in days)


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
        for hour in hours:
            _replace_hour(cursor, hour)
        _replace_day(cursor, day, begin, end)
    return len(hours)


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
    cursor.execute("DELETE FROM usage_hourlyusage WHERE hour = %s", [hour])
    cursor.execute(
        f"INSERT INTO usage_hourlyusage (hour, {_GROUP}, {', '.join(_SUMS_OF_EVENTS)}) "  # noqa: S608
        f"SELECT %s, {_GROUP}, {', '.join(_SUMS_OF_EVENTS.values())} "
        "FROM usage_usageevent WHERE occurred_at >= %s AND occurred_at < %s "
        f"GROUP BY {_GROUP}",
        [hour, hour, hour + timedelta(hours=1)],
    )


def _replace_day(
    cursor: CursorWrapper, day: date, begin: datetime, end: datetime
) -> None:
    cursor.execute("DELETE FROM usage_dailyusage WHERE day = %s", [day])
    cursor.execute(
        f"INSERT INTO usage_dailyusage (day, {_GROUP}, {', '.join(_SUMS_OF_HOURS)}) "  # noqa: S608
        f"SELECT %s, {_GROUP}, {', '.join(_SUMS_OF_HOURS.values())} "
        "FROM usage_hourlyusage WHERE hour >= %s AND hour < %s "
        f"GROUP BY {_GROUP}",
        [day, begin, end],
    )
