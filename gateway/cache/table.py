"""The farthest answers: sealed in PostgreSQL, written behind, and read off the event loop.

What a process needs to know of a project, its data key and which answers are kept, is
read once, on the project's first use. After that the table is only asked for an answer
that it is known to have.
"""

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from django.db import DatabaseError

from gateway.cache.entries import Entry, sealing_key
from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from tenants.encryption import Unsealable, data_key_by_project_id
from usage.cache_entries import (
    NewEntry,
    add_hits,
    known_keys,
    sealed_by_key,
    store_entries,
)

logger = logging.getLogger(__name__)

# A request waits no longer than this for what the database may know.
ANSWER_S = 0.1
WRITE_EVERY_S = 0.5

_STATEMENT_S = 5.0
_RETRY_S = 2.0
_MAX_PROJECTS = 5_000
_MAX_KNOWN = 500_000
_KNOWN_PER_PROJECT = 20_000
_MAX_WAITING = 2_000
_MAX_WAITING_BYTES = 32 * 1024 * 1024
_BATCH = 200


class Shelf(msgspec.Struct):
    """A project's part of the table: the key it is sealed with, what is known of it."""

    sealing: bytes
    known: set[str]


class Table:
    """Belongs to one event loop. Never raises for a database that is slow or gone."""

    def __init__(self) -> None:
        self._threads = DatabaseThreads(
            2, statement_s=_STATEMENT_S, answer_s=_STATEMENT_S, read_only=False
        )
        self._shelves: OrderedDict[int, Shelf] = OrderedDict()
        self._opening: dict[int, asyncio.Task[Shelf | None]] = {}
        self._closed_until: dict[int, float] = {}
        self._new: dict[str, NewEntry] = {}
        self._new_bytes = 0
        self._hits: Counter[str] = Counter()
        self._writer: asyncio.Task[None] | None = None
        self._is_writing = False

    @property
    def waiting(self) -> int:
        """How much is to be written yet."""
        return len(self._new) + len(self._hits) + self._is_writing

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._keep_writing(), name="cache writer")

    async def stop(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        for task in self._opening.values():
            task.cancel()
        with contextlib.suppress(ConfigurationUnavailable, DatabaseError, TimeoutError):
            async with asyncio.timeout(_RETRY_S):
                await self._write()
        await self._threads.stop()

    def shelf_at_hand(self, project_id: int) -> Shelf | None:
        shelf = self._shelves.get(project_id)
        if shelf is not None:
            self._shelves.move_to_end(project_id)
        return shelf

    async def shelf_of(self, project_id: int) -> Shelf | None:
        """Return the project's shelf; None when it cannot be read in time."""
        if (shelf := self.shelf_at_hand(project_id)) is not None:
            return shelf
        loop = asyncio.get_running_loop()
        if self._closed_until.get(project_id, 0.0) > loop.time():
            return None
        task = self._opening.get(project_id)
        if task is None:
            task = loop.create_task(self._open(project_id), name="cache shelf")
            self._opening[project_id] = task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.shield(task)
        return None

    async def read(self, key: str, project_id: int, shelf: Shelf) -> bytes | None:
        """Return the sealed answer, if the project is known to have it."""
        if key not in shelf.known:
            return None
        with contextlib.suppress(ConfigurationUnavailable, DatabaseError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                return await self._threads.read(sealed_by_key, key, project_id)
        return None

    def write(self, entry: Entry, sealed: bytes, shelf: Shelf) -> None:
        """Note an answer, to be written soon; what is too much is left out."""
        if (
            len(self._new) >= _MAX_WAITING
            or self._new_bytes + len(sealed) > _MAX_WAITING_BYTES
        ):
            return
        if len(shelf.known) < _KNOWN_PER_PROJECT:
            shelf.known.add(entry.key)
        self._new[entry.key] = NewEntry(
            key=entry.key,
            project_id=entry.project_id,
            operation=entry.operation,
            alias=entry.alias,
            provider=entry.provider,
            model=entry.model_id,
            sealed=sealed,
            saved_usd=entry.cost_usd,
            created_at=entry.asked_at,
            expires_at=entry.expires_at,
        )
        self._new_bytes += len(sealed)

    def count_hit(self, key: str) -> None:
        if len(self._hits) < _MAX_WAITING or key in self._hits:
            self._hits[key] += 1

    async def _open(self, project_id: int) -> Shelf | None:
        try:
            shelf = await self._threads.read(partial(_read_shelf, project_id))
        except (ConfigurationUnavailable, DatabaseError, Unsealable) as error:
            logger.warning(
                "answers of a project are kept in memory only",
                extra={"project": project_id, "why": str(error)},
            )
            if len(self._closed_until) > _MAX_PROJECTS:
                self._closed_until.clear()
            now = asyncio.get_running_loop().time()
            self._closed_until[project_id] = now + _RETRY_S
            return None
        finally:
            del self._opening[project_id]
        self._shelves[project_id] = shelf
        self._make_room()
        return shelf

    def _make_room(self) -> None:
        known = sum(len(shelf.known) for shelf in self._shelves.values())
        while len(self._shelves) > 1 and (
            known > _MAX_KNOWN or len(self._shelves) > _MAX_PROJECTS
        ):
            _, shelf = self._shelves.popitem(last=False)
            known -= len(shelf.known)

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self._write()
            except (ConfigurationUnavailable, DatabaseError) as error:
                logger.warning("answers not written", extra={"why": str(error)})
                await asyncio.sleep(_RETRY_S)

    async def _write(self) -> None:
        """Write what is there by now; what comes in the meantime waits for the next turn."""
        hits, self._hits = self._hits, Counter()
        keys = list(self._new)
        for start in range(0, max(1, len(keys)), _BATCH):
            new = [self._new[key] for key in keys[start : start + _BATCH]]
            if not new and not hits:
                return
            self._is_writing = True
            try:
                await self._threads.read(partial(_write_all, new, hits))
            finally:
                self._is_writing = False
            hits = Counter()
            # What became of one that was noted anew in the meantime is not known.
            for entry in new:
                if self._new.get(entry.key) is entry:
                    del self._new[entry.key]
            self._new_bytes = sum(len(each.sealed) for each in self._new.values())


def _read_shelf(project_id: int) -> Shelf:
    data_key = data_key_by_project_id(project_id)
    return Shelf(sealing_key(data_key), set(known_keys(project_id, _KNOWN_PER_PROJECT)))


def _write_all(new: Sequence[NewEntry], hits: Mapping[str, int]) -> None:
    store_entries(new)
    add_hits(hits)
