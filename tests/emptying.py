"""Empties the database after a test that committed, in a fraction of what a flush takes.

Django's flush truncates every table and then makes content types, permissions and
schedules anew; most tests write to a dozen tables. What a test wrote to is deleted here,
with triggers and foreign keys out of the way, which takes a superuser: where there is
none, or where a test changed what a migrated database begins with, Django flushes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase
from psycopg import sql

from tenants.versioning import CHANNEL

# What `migrate` fills, and hardly any test changes.
_BEGUN_WITH = (
    "django_content_type",
    "auth_permission",
    "django_site",
    "django_celery_beat_clockedschedule",
    "django_celery_beat_crontabschedule",
    "django_celery_beat_intervalschedule",
    "django_celery_beat_periodictask",
    "django_celery_beat_periodictasks",
    "django_celery_beat_solarschedule",
)
# Deleted rows stay in their pages, which every later test would read again.
_MOST_BYTES = 256 * 1024

_SETUP = "_fixture_setup"
_TEARDOWN = "_fixture_teardown"
_RECONNECTS = "_should_reload_connections"
# What truncating a table of each kind would announce to running gateways.
_ANNOUNCE = sql.SQL("""
    WITH change AS (
        INSERT INTO tenants_configchange (table_name, changed_at)
        VALUES (%s, clock_timestamp()) RETURNING id
    )
    SELECT pg_notify(%s, json_build_object(
        'version', id, 'scope', %s::text, 'projects', NULL
    )::text) FROM change
""")
_ALL_TABLES = sql.SQL(
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') "
    "AND NOT relispartition AND relnamespace = 'public'::regnamespace "
    "AND relname <> 'django_migrations' ORDER BY relname"
)
_LARGE = sql.SQL(
    "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND pg_table_size(oid) > %s"
)

_set_up: Any = getattr(TransactionTestCase, _SETUP).__func__
_flush: Callable[[TransactionTestCase], None] = getattr(TransactionTestCase, _TEARDOWN)


@dataclass(slots=True)
class _Broom:
    """A connection of its own, kept, for which triggers and foreign keys are no matter.

    To plan a look at a hundred tables takes far longer than to look, and it takes
    longest on a new connection: the statement is prepared once.
    """

    connection: psycopg.Connection | None = None
    # What a migrated database begins with, as it was after a flush.
    beginning: list[Any] | None = None

    def rows(self, statement: sql.SQL | sql.Composed, values: Any = None) -> list[Any]:
        if self.connection is None or self.connection.closed:
            self.connection = psycopg.connect(
                **connection.get_connection_params() | _AS_A_BROOM
            )
            self.connection.execute("SET session_replication_role = replica")
            # Whoever holds a lock after a test has forgotten to end something.
            self.connection.execute("SET lock_timeout = '30s'")
        cursor = self.connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


_AS_A_BROOM = {
    "autocommit": True,
    "prepare_threshold": 0,
    "cursor_factory": psycopg.Cursor,
}
_broom = _Broom()


def install() -> None:
    """Let Django's tests that commit end this way, and keep their connection."""
    setattr(TransactionTestCase, _SETUP, classmethod(_begin))
    setattr(TransactionTestCase, _TEARDOWN, _end)
    setattr(TransactionTestCase, _RECONNECTS, lambda case: False)


def close() -> None:
    """Leave the database, so that it can be dropped."""
    _broom.close()


def empty(flush: Callable[[], object] | None = None) -> None:
    """Delete what was committed, or flush the database where that would not do."""
    flush = flush or partial(call_command, "flush", verbosity=0, interactive=False)
    if not _may_delete():
        flush()
        return
    tables = _tables()
    if _broom.beginning is None or _beginning(tables) != _broom.beginning:
        flush()
        _broom.beginning = _beginning(tables)
        return
    _delete(_written_to(tables))


def _begin(case: type[TransactionTestCase]) -> None:
    """Take away what migrations left before it is put back: some of it never changes."""
    if getattr(case, "serialized_rollback", False):
        call_command(
            "flush",
            verbosity=0,
            interactive=False,
            reset_sequences=False,
            inhibit_post_migrate=True,
        )
    _set_up(case)


def _end(case: TransactionTestCase) -> None:
    if getattr(case, "serialized_rollback", False):
        _flush(case)
    else:
        empty(partial(_flush, case))


@cache
def _may_delete() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        row = cursor.fetchone()
    return bool(row and row[0])


def _beginning(tables: list[str]) -> list[tuple[Any, ...]]:
    """Return what differs as soon as one of those rows is another."""
    present = [name for name in _BEGUN_WITH if name in tables]
    each = sql.SQL(" UNION ALL ").join(
        sql.SQL(
            "SELECT {}, count(*), max(xmin::text::bigint), sum(xmin::text::bigint) FROM {}"
        ).format(sql.Literal(name), sql.Identifier(name))
        for name in present
    )
    return sorted(_broom.rows(each))


def _tables() -> list[str]:
    """Return all tables but partitions, which their table speaks for."""
    return [name for (name,) in _broom.rows(_ALL_TABLES)]


def _written_to(tables: list[str]) -> list[str]:
    each = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
            sql.Literal(name), sql.Identifier(name)
        )
        for name in tables
        if name not in _BEGUN_WITH
    )
    return [name for (name,) in _broom.rows(each)]


def _delete(names: list[str]) -> None:
    if not names:
        return
    # One by one: whoever holds locks on several tables may wait for a running gateway.
    for name in names:
        _broom.rows(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    # Announced once for each scope, it is one reason to read everything anew.
    for scope, table in (
        ("catalog", "catalog_provider"),
        ("tenants", "tenants_project"),
    ):
        if any(name.startswith(scope) for name in names):
            _broom.rows(_ANNOUNCE, [table, CHANNEL, scope])
    for (name,) in _broom.rows(_LARGE, [names, _MOST_BYTES]):
        _broom.rows(sql.SQL("VACUUM {}").format(sql.Identifier(name)))
