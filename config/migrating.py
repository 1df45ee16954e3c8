"""Migrations beside a release that is serving: no statement waits long for a lock.

Whoever waits for a lock on a table keeps everybody else waiting behind it. So a migration
gives up after two seconds, lets them through, and is begun again; each is a transaction.
"""

import time

from django.core.management import call_command
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

LOCK_SECONDS = 2
PAUSE_SECONDS = 3.0
ATTEMPTS = 40


def migrate(attempts: int = ATTEMPTS, pause_s: float = PAUSE_SECONDS) -> None:
    """Bring the database up to date. Raises OperationalError when it cannot be had."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        for attempt in range(1, attempts + 1):
            try:
                call_command("migrate", interactive=False, verbosity=0)
            except OperationalError as error:
                is_busy = isinstance(error.__cause__, LockNotAvailable)
                if not is_busy or attempt == attempts:
                    raise
                time.sleep(pause_s)
            else:
                return
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = DEFAULT")
