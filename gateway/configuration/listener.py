"""Following the changes of the configuration, as PostgreSQL announces them.

Notifications come at once. A poll looks for changes whose notification was lost, and
tells a connection that hangs from one on which nothing happens.
"""

import asyncio
import json
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import psycopg
from django.db import connection as django_connection
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from tenants.versioning import CHANNEL

T = TypeVar("T")

logger = logging.getLogger(__name__)

APPLICATION_NAME = "signalbox listener"
POLL_S = 1.0
_RETRY_S = 0.5
_CONNECT_S = 2.0
_ANSWER_S = 2.0
# How long after its row a notification may come.
_LATE_S = 0.1
_NEWEST = 1_000

_LISTEN = sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL))
_IDS = sql.SQL("SELECT id FROM tenants_configchange ORDER BY id DESC LIMIT {}").format(
    _NEWEST
)
_SIGNATURE = sql.SQL("SELECT max(id), sum(id), count(*) FROM ({}) AS newest").format(
    _IDS
)


@dataclass(frozen=True, slots=True)
class Change:
    """A statement that changed the configuration.

    `projects` are the tenants it touched, None for all of them. `end_users` are those
    that it touched alone, each with its project; None for all of those projects.
    """

    version: int
    catalog: bool
    projects: frozenset[int] | None
    end_users: tuple[tuple[int, int], ...] | None = ()


class Subscriber(Protocol):
    def changed(self, change: Change) -> None:
        """One announced change."""

    def changes_missed(self, version: int) -> None:
        """Anything may have changed while nobody was listening."""

    def database_lost(self) -> None:
        """The database cannot be reached; the listener goes on trying."""

    def database_found(self) -> None:
        """The database answers."""


def parse_change(payload: str) -> Change | None:
    """Return what a notification says; None when it makes no sense."""
    try:
        fields = json.loads(payload)
        version, scope, ids = fields["version"], fields["scope"], fields["projects"]
        projects = None if ids is None else frozenset(map(int, ids))
        named = fields.get("end_users", ())
        users = (
            None
            if named is None
            else tuple((int(owner), int(pk)) for owner, pk in named)
        )
        # Aliases and credentials that belong to no project are part of the catalog.
        is_catalog = scope == "catalog" or projects is None
        return Change(int(version), is_catalog, projects, users)
    except (ValueError, TypeError, KeyError):
        return None


class Listener:
    """Tells a subscriber of every change, until it is cancelled."""

    def __init__(self, subscriber: Subscriber, *, poll_s: float = POLL_S) -> None:
        self._subscriber = subscriber
        self._poll_s = poll_s
        self._announced: set[int] = set()
        self._known: set[int] = set()
        self._signature: TupleRow | None = None
        self._is_listening = False

    async def run(self) -> None:
        while True:
            self._is_listening = False
            try:
                connection = await _connect()
                try:
                    await self._begin(connection)
                    while True:
                        await self._listen(connection, self._poll_s)
                        await self._poll(connection)
                finally:
                    await connection.close()
            except (psycopg.Error, OSError, TimeoutError) as error:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                logger.warning("listening interrupted", extra={"why": reason})
            if not self._is_listening:
                self._subscriber.database_lost()
                await asyncio.sleep(_RETRY_S)

    async def _begin(self, connection: AsyncConnection[TupleRow]) -> None:
        """Listen first, look second: nothing can fall in between."""
        await self._in_time(connection.execute(_LISTEN))
        self._signature = (await self._rows(connection, _SIGNATURE))[0]
        self._known = await self._ids(connection)
        self._announced.clear()
        self._is_listening = True
        self._subscriber.database_found()
        self._subscriber.changes_missed(max(self._known, default=0))

    async def _listen(
        self, connection: AsyncConnection[TupleRow], seconds: float
    ) -> None:
        async for notification in connection.notifies(timeout=seconds):
            change = parse_change(notification.payload)
            if change is None:
                logger.warning("notification not understood")
                self._subscriber.changes_missed(max(self._known, default=0))
            else:
                self._announced.add(change.version)
                self._subscriber.changed(change)

    async def _poll(self, connection: AsyncConnection[TupleRow]) -> None:
        """Find the changes that no notification announced, in any order of commits."""
        signature = (await self._rows(connection, _SIGNATURE))[0]
        if signature == self._signature:
            return
        newest = await self._ids(connection)
        if self._unexplained(newest):
            await self._listen(connection, _LATE_S)
        if self._unexplained(newest):
            logger.warning("a notification was lost")
            self._subscriber.changes_missed(max(newest, default=0))
        self._signature = signature
        self._known = newest
        # What is not among the rows yet was announced after they were read.
        oldest = min(newest, default=0)
        self._announced = {each for each in self._announced - newest if each > oldest}

    def _unexplained(self, newest: set[int]) -> bool:
        oldest = min(newest, default=0)
        vanished = {each for each in self._known if each >= oldest} - newest
        return bool(vanished or newest - self._known - self._announced)

    async def _ids(self, connection: AsyncConnection[TupleRow]) -> set[int]:
        return {row[0] for row in await self._rows(connection, _IDS)}

    async def _rows(
        self, connection: AsyncConnection[TupleRow], query: sql.Composed
    ) -> list[TupleRow]:
        cursor = await self._in_time(connection.execute(query))
        return await cursor.fetchall()

    async def _in_time(self, answer: Coroutine[Any, Any, T]) -> T:
        """Wait for an answer, and say at once when it does not come in time.

        Giving up takes longer: the driver first asks the server to stop.
        """
        task = asyncio.ensure_future(answer)
        try:
            await asyncio.wait({task}, timeout=_ANSWER_S)
            if task.done():
                return task.result()
            self._subscriber.database_lost()
        finally:
            task.cancel()
            await asyncio.wait({task})
        msg = f"PostgreSQL did not answer within {_ANSWER_S:g} s."
        raise TimeoutError(msg)


async def _connect() -> AsyncConnection[TupleRow]:
    parameters = django_connection.get_connection_params()
    for name in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(name, None)
    parameters.setdefault("application_name", APPLICATION_NAME)
    # Without it, a host that went away would keep a query waiting for minutes.
    parameters.setdefault("tcp_user_timeout", int(_ANSWER_S * 1000))
    async with asyncio.timeout(_CONNECT_S):
        return await AsyncConnection.connect(**parameters, autocommit=True)
