"""Reading the database from the event loop: in a few threads, bounded in time."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")

_STOP_SECONDS = 3.0


class ConfigurationUnavailable(Exception):
    """What is not in memory cannot be read now; the message says why."""


class DatabaseThreads:
    """Threads with a database connection each; a read sees the data of one moment.

    Without `read_only` what is read may also be written, and is one transaction too.
    """

    def __init__(
        self,
        threads: int,
        *,
        statement_s: float,
        answer_s: float,
        read_only: bool = True,
    ) -> None:
        self._begin_read = (
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
            if read_only
            else ""
        ) + f"SET LOCAL statement_timeout = {int(statement_s * 1000)}"
        self._answer_s = answer_s
        self._connections: list[BaseDatabaseWrapper] = []
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="snapshot", initializer=self._begin
        )

    async def read(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what the function reads.

        `ConfigurationUnavailable` when the database cannot be reached or does not
        answer in time; other errors of the database pass through.
        """

        def work() -> T:
            return function(*args, **kwargs)

        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, self._work, work)
        try:
            async with asyncio.timeout(self._answer_s):
                return await future
        except (OperationalError, InterfaceError) as error:
            reason = str(error).strip().partition("\n")[0]
            msg = f"PostgreSQL cannot be read: {reason}"
            raise ConfigurationUnavailable(msg) from error
        except TimeoutError as error:
            msg = f"PostgreSQL did not answer within {self._answer_s:g} s."
            raise ConfigurationUnavailable(msg) from error

    async def stop(self) -> None:
        """End the threads and close their connections; a hung one is left behind."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.to_thread(self._end)

    def _begin(self) -> None:
        own = connections[DEFAULT_DB_ALIAS]
        # Lets stop() close it from another thread.
        own.inc_thread_sharing()
        self._connections.append(own)

    def _end(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
        for each in self._connections:
            with contextlib.suppress(DatabaseError):
                each.close()

    def _work(self, read: Callable[[], T]) -> T:
        """Read, and read once more when the connection had died since its last use."""
        used = connection.connection
        try:
            return self._in_one_transaction(read)
        except (OperationalError, InterfaceError):
            connection.close()
            if used is None or not used.closed:
                raise
            return self._in_one_transaction(read)

    def _in_one_transaction(self, read: Callable[[], T]) -> T:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(self._begin_read)
            return read()
