"""The daily partitions of the table of events: made ahead, and dropped when old."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from usage.days import (
    EVENTS,
    end_of,
    first_kept,
    is_expired,
    partition_of,
    start_of,
    today,
)
from usage.rollups import roll_up_day

logger = logging.getLogger(__name__)

T = TypeVar("T")

DEFAULT_PARTITION = f"{EVENTS}_default"
DAYS_AHEAD = 7
TRIES = 3
LOCK_TIMEOUT = "2s"

_NAME = re.compile(rf"{EVENTS}_p(\d{{8}})")
_LOCK_NOT_AVAILABLE = "55P03"
_DEADLOCK = "40P01"


def maintain() -> None:
    """Make what will be needed and drop what is too old."""
    make_ahead()
    drop_old()


def make_ahead() -> list[date]:
    """Make the partitions of today, of a week ahead and of days that lack theirs.

    Return the days that were new. Events that have arrived before their partition wait
    in the default one and are moved.
    """
    wanted = {today() + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)}
    waiting = _patiently(_days_in_default) or []
    wanted.update(day for day in waiting if not is_expired(day))
    missing = sorted(wanted - set(existing_days()))
    return [day for day in missing if _patiently(partial(_make, day))]


def drop_old() -> list[date]:
    """Drop the days beyond EVENT_RETENTION_DAYS (0: none), whose rollups stay."""
    oldest = first_kept()
    if oldest is None:
        return []
    _patiently(partial(_empty_default, oldest))
    expired = [day for day in existing_days() if day < oldest]
    for day in expired:
        roll_up_day(day)
    return [day for day in expired if _patiently(partial(_drop, day))]


def existing_days() -> list[date]:
    """Return the days that have a partition of their own, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid "
            "WHERE inhparent = %s::regclass",
            [EVENTS],
        )
        names = [_NAME.fullmatch(name) for (name,) in cursor.fetchall()]
    return sorted(
        datetime.strptime(name[1], "%Y%m%d").replace(tzinfo=UTC).date()
        for name in names
        if name
    )


def is_installed() -> bool:
    """Tell whether the table of events exists in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [DEFAULT_PARTITION])
        row = cursor.fetchone()
    return bool(row and row[0])


def _days_in_default(cursor: CursorWrapper) -> list[date]:
    cursor.execute(
        "SELECT DISTINCT (occurred_at AT TIME ZONE 'UTC')::date "  # noqa: S608
        f"FROM {DEFAULT_PARTITION}"
    )
    return [day for (day,) in cursor.fetchall()]


def _empty_default(oldest: date, cursor: CursorWrapper) -> None:
    cursor.execute(
        f"DELETE FROM {DEFAULT_PARTITION} WHERE occurred_at < %s",  # noqa: S608
        [start_of(oldest)],
    )


def _make(day: date, cursor: CursorWrapper) -> bool:
    """Attach a new partition; False when another process has.

    Attaching locks the parent less than creating in place would; only the default
    partition is closed to others, while its rows of that day move out.
    """
    if day in existing_days():
        return False
    name = partition_of(day)
    bounds = [start_of(day), end_of(day)]
    cursor.execute(f"LOCK TABLE {DEFAULT_PARTITION} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(
        f"CREATE TABLE {name} (LIKE {EVENTS} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
    )
    cursor.execute(
        f"WITH moved AS (DELETE FROM {DEFAULT_PARTITION} "  # noqa: S608
        "WHERE occurred_at >= %s AND occurred_at < %s RETURNING *) "
        f"INSERT INTO {name} SELECT * FROM moved",
        bounds,
    )
    cursor.execute(
        f"ALTER TABLE {EVENTS} ATTACH PARTITION {name} "
        f"FOR VALUES FROM ('{bounds[0].isoformat()}') TO ('{bounds[1].isoformat()}')"
    )
    return True


def _drop(day: date, cursor: CursorWrapper) -> bool:
    """Drop a partition; False when another process has."""
    if day not in existing_days():
        return False
    name = partition_of(day)
    cursor.execute(f"ALTER TABLE {EVENTS} DETACH PARTITION {name}")
    cursor.execute(f"DROP TABLE {name}")
    return True


def _patiently(work: Callable[[CursorWrapper], T]) -> T | None:
    """Work on the partitions without holding up the traffic; None when it was busy."""
    for remaining in reversed(range(TRIES)):
        try:
            with _one_at_a_time() as cursor:
                return work(cursor)
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state not in {_LOCK_NOT_AVAILABLE, _DEADLOCK}:
                raise
            if not remaining:
                logger.warning("partitions busy")
    return None


@contextmanager
def _one_at_a_time() -> Iterator[CursorWrapper]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('usage.partitions', 0))"
        )
        yield cursor
