"""When keys were last used, and what limits in shadow mode would have refused.

Requests only note it here; once in a while it is written, many at a time.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable

from django.db import DatabaseError, connection

from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)

logger = logging.getLogger(__name__)

WRITE_EVERY_S = 60.0
_MAX_NOTED = 100_000
_STATEMENT_S = 10.0

# Keys and limits that are gone by now are left out.
_USED = """
    INSERT INTO tenants_apikeyuse AS known (api_key_id, last_used_at)
    SELECT noted.id, to_timestamp(noted.at)
    FROM unnest(%s::bigint[], %s::float8[]) AS noted (id, at)
    JOIN tenants_apikey existing ON existing.id = noted.id
    ORDER BY noted.id
    ON CONFLICT (api_key_id) DO UPDATE
    SET last_used_at = GREATEST(known.last_used_at, EXCLUDED.last_used_at)
"""
_EXCEEDED = """
    INSERT INTO tenants_shadowcount AS known (limit_id, refusals, last_at)
    SELECT noted.id, noted.refusals, now()
    FROM unnest(%s::bigint[], %s::bigint[]) AS noted (id, refusals)
    JOIN tenants_limit existing ON existing.id = noted.id
    ORDER BY noted.id
    ON CONFLICT (limit_id) DO UPDATE
    SET refusals = known.refusals + EXCLUDED.refusals, last_at = EXCLUDED.last_at
"""


class Uses:
    """What has been noted since it was last written; belongs to one event loop."""

    def __init__(self) -> None:
        self.shadow_refusals = 0
        # When each key was last used, in seconds since 1970.
        self.keys: dict[int, float] = {}
        self.exceeded: dict[int, int] = {}

    def note_key(self, pk: int) -> None:
        if len(self.keys) < _MAX_NOTED:
            self.keys[pk] = time.time()

    def note_exceeded(self, limit_pks: Iterable[int]) -> None:
        for pk in limit_pks:
            self.shadow_refusals += 1
            if pk in self.exceeded or len(self.exceeded) < _MAX_NOTED:
                self.exceeded[pk] = self.exceeded.get(pk, 0) + 1

    def take(self) -> tuple[dict[int, float], dict[int, int]]:
        """Return what was noted, and begin anew."""
        taken = (self.keys, self.exceeded)
        self.keys, self.exceeded = {}, {}
        return taken

    def put_back(self, keys: dict[int, float], exceeded: dict[int, int]) -> None:
        """Note again what could not be written."""
        self.keys = {**keys, **self.keys}
        for pk, refusals in exceeded.items():
            self.exceeded[pk] = self.exceeded.get(pk, 0) + refusals


USES = Uses()


class UseWriter:
    """Writes what was noted, once in a minute and at the end."""

    def __init__(self, uses: Uses = USES, *, every_s: float | None = None) -> None:
        self._uses = uses
        self._every_s = WRITE_EVERY_S if every_s is None else every_s
        self._threads = DatabaseThreads(
            1, statement_s=_STATEMENT_S, answer_s=_STATEMENT_S, read_only=False
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="key uses")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self.write()
        await self._threads.stop()

    async def write(self) -> None:
        """Write what was noted; when that fails it waits for the next time."""
        keys, exceeded = self._uses.take()
        if not keys and not exceeded:
            return
        try:
            await self._threads.read(_write, keys, exceeded)
        except (ConfigurationUnavailable, DatabaseError) as error:
            self._uses.put_back(keys, exceeded)
            reason = str(error).strip().partition("\n")[0]
            logger.warning("key uses not written", extra={"why": reason})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.write()


def _write(keys: dict[int, float], exceeded: dict[int, int]) -> None:
    with connection.cursor() as cursor:
        if keys:
            cursor.execute(_USED, [list(keys), list(keys.values())])
        if exceeded:
            cursor.execute(_EXCEEDED, [list(exceeded), list(exceeded.values())])
