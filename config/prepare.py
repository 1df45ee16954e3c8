"""Bring the database up to date: `python -m config.prepare` prints what was made.

Migrations, catalog and first-run set-up share one process because starting Django is
what takes the time. The last line of standard output is JSON (see `setup_demo`).
"""

import io
import os
import sys
import time

import django
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from config.migrating import migrate

DATABASE_SECONDS = 30.0
# Any number will do that nobody else takes an advisory lock on.
LOCK = 0x51674E41


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    try:
        _wait_for_database()
    except OperationalError as error:
        print(f"The database does not answer: {error}", file=sys.stderr)
        return 1
    with connection.cursor() as cursor:
        # Several machines may start at the same moment; the lock ends with the process.
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    # `migrate` takes its time over signals even when it has nothing to do.
    if _has_pending_migrations():
        migrate()
    call_command("load_catalog", stdout=io.StringIO())
    call_command("setup_demo")
    return 0


def _has_pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _wait_for_database() -> None:
    """Give a database that is only just starting the time to do so."""
    deadline = time.monotonic() + DATABASE_SECONDS
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
