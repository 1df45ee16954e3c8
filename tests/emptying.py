"""Empties the database after a test that committed, in a fraction of what a flush takes.

Django's flush truncates every table and then makes content types, permissions and
schedules anew; most tests write to a dozen tables. What a test wrote to is deleted here,
with triggers and foreign keys out of the way, which takes a superuser: where there is
none, or where a test changed what a migrated database begins with, Django flushes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
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

_TEARDOWN = "_fixture_teardown"
# What truncating a table of each kind would announce to running gateways.
_ANNOUNCE = """
    WITH change AS (
        INSERT INTO tenants_configchange (table_name, changed_at)
        VALUES (%s, clock_timestamp()) RETURNING id
    )
    SELECT pg_notify(%s, json_build_object(
        'version', id, 'scope', %s::text, 'projects', NULL
    )::text) FROM change
"""

_flush: Callable[[TransactionTestCase], None] = getattr(TransactionTestCase, _TEARDOWN)
_begun: list[Any] = []


def install() -> None:
    """Let Django's tests that commit end this way."""
    setattr(TransactionTestCase, _TEARDOWN, _end)


def empty(flush: Callable[[], object] | None = None) -> None:
    """Delete what was committed, or flush the database where that would not do."""
    flush = flush or partial(call_command, "flush", verbosity=0, interactive=False)
    if not _may_delete():
        flush()
        return
    tables = _tables()
    if not _begun or _beginning(tables) != _begun[0]:
        flush()
        _begun[:] = [_beginning(tables)]
        return
    _delete(_written_to(tables))


def _end(case: TransactionTestCase) -> None:
    if getattr(case, "serialized_rollback", False):
        _flush(case)
    else:
        empty(partial(_flush, case))


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
    with connection.cursor() as cursor:
        cursor.execute(each)
        return sorted(cursor.fetchall())


def _tables() -> list[str]:
    """Return all tables but partitions, which their table speaks for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') "
            "AND NOT relispartition AND relnamespace = 'public'::regnamespace "
            "AND relname <> 'django_migrations' ORDER BY relname"
        )
        return [name for (name,) in cursor.fetchall()]


def _written_to(tables: list[str]) -> list[str]:
    each = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
            sql.Literal(name), sql.Identifier(name)
        )
        for name in tables
        if name not in _BEGUN_WITH
    )
    with connection.cursor() as cursor:
        cursor.execute(each)
        return [name for (name,) in cursor.fetchall()]


def _delete(names: list[str]) -> None:
    if not names:
        return
    # One by one: whoever holds locks on several tables may wait for a running gateway.
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            for name in names:
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")
    # Announced together, it is one reason to read everything anew.
    with transaction.atomic(), connection.cursor() as cursor:
        for scope, table in (
            ("catalog", "catalog_provider"),
            ("tenants", "tenants_project"),
        ):
            if any(name.startswith(scope) for name in names):
                cursor.execute(_ANNOUNCE, [table, CHANNEL, scope])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY(%s) "
            "AND pg_table_size(oid) > %s",
            [names, _MOST_BYTES],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("VACUUM {}").format(sql.Identifier(name)))
