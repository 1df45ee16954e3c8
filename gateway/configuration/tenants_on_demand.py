"""Tenants in memory, read on first use, forgotten when they change."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from gateway.configuration.records import MISSING, KeyRecord, Missing, ProjectRecord
from gateway.configuration.tenant_loading import lately_used_keys, read_keys
from gateway.configuration.tenant_memory import TenantMemory

T = TypeVar("T")

logger = logging.getLogger(__name__)

MISS_S = 1.0
_MAX_MISSES = 10_000
_KEYS_PER_READ = 200
_CONCURRENT_READS = 2
_STATEMENT_S = 2.0
_ANSWER_S = 2.5

_Answer: TypeAlias = "asyncio.Future[KeyRecord | None]"


@dataclass(eq=False, slots=True)
class _Read:
    """A read that is under way, and what changed since it began."""

    answers: dict[str, _Answer]
    changed: set[int] = field(default_factory=set)
    all_changed: bool = False

    def may_keep(self, key: KeyRecord) -> bool:
        return not self.all_changed and key.project.id not in self.changed

    def may_keep_misses(self) -> bool:
        return not self.all_changed and not self.changed


class TenantsOnDemand:
    """Keys and projects by key id. Belongs to one event loop.

    Keys that are asked for at the same time are read together. A read that began before
    a change still answers those who asked before it, but is not kept, and nobody who
    asks after the change is given its answer.
    """

    def __init__(self, max_keys: int, max_projects: int) -> None:
        self.database_is_away = False
        self._bounds = (max_keys, max_projects)
        self._memory = TenantMemory(*self._bounds)
        # Read before the connection was lost: good for as long as there is no better.
        self._doubtful = TenantMemory(*self._bounds)
        self._misses: OrderedDict[str, float] = OrderedDict()
        self._wanted: dict[str, _Answer] = {}
        self._reads: dict[asyncio.Task[None], _Read] = {}
        self._threads = DatabaseThreads(
            _CONCURRENT_READS, statement_s=_STATEMENT_S, answer_s=_ANSWER_S
        )

    def __len__(self) -> int:
        return len(self._memory)

    @property
    def project_count(self) -> int:
        return self._memory.project_count

    def known(self, key_id: str) -> KeyRecord | Missing | None:
        found = self._memory.key(key_id)
        if found is not None:
            return found
        read_at = self._misses.get(key_id)
        if read_at is not None and time.monotonic() - read_at < MISS_S:
            return MISSING
        return None

    async def load(self, key_id: str) -> KeyRecord | None:
        """Return the key from the database, None when there is none that works.

        When the database is away, what was known before stays true; without that,
        `ConfigurationUnavailable`.
        """
        try:
            return await self._read_together(key_id)
        except ConfigurationUnavailable:
            last_good = self._memory.key(key_id) or self._doubtful.key(key_id)
            if last_good is None:
                raise
            return last_good

    async def recall(self, number: int) -> None:
        """Read the keys that were used last. Raises `ConfigurationUnavailable`."""
        key_ids = await self.read(partial(lately_used_keys, number))
        await asyncio.gather(*map(self._read_together, key_ids))

    def evict(self, project_ids: Collection[int]) -> None:
        self._memory.drop_projects(project_ids)
        self._doubtful.drop_projects(project_ids)
        self._misses.clear()
        for read in self._reads.values():
            read.changed.update(project_ids)

    def evict_all(self) -> None:
        self._memory.clear()
        self._doubtful.clear()
        self._misses.clear()
        for read in self._reads.values():
            read.all_changed = True

    def doubt_all(self) -> None:
        """Read everything anew on its next use; keep it in case it cannot be read."""
        for key in self._memory.every_key():
            self._doubtful.put(key)
        self._memory = TenantMemory(*self._bounds)
        self._misses.clear()
        for read in self._reads.values():
            read.all_changed = True

    async def read(self, function: Callable[[], T]) -> T:
        """Return what the function reads, unless the database is known to be away."""
        self._check_database()
        return await self._threads.read(function)

    async def stop(self) -> None:
        reads = dict(self._reads)
        for task in reads:
            task.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        stopped = ConfigurationUnavailable("Signalbox is stopping.")
        for read in reads.values():
            _fail(read.answers.values(), stopped)
        _fail(self._wanted.values(), stopped)
        await self._threads.stop()

    async def _read_together(self, key_id: str) -> KeyRecord | None:
        self._check_database()
        return await asyncio.shield(self._answer(key_id))

    def _check_database(self) -> None:
        if self.database_is_away:
            msg = "PostgreSQL cannot be reached."
            raise ConfigurationUnavailable(msg)

    def _answer(self, key_id: str) -> _Answer:
        for read in self._reads.values():
            if key_id in read.answers and read.may_keep_misses():
                return read.answers[key_id]
        answer = self._wanted.get(key_id)
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._wanted[key_id] = answer
            self._start_reads()
        return answer

    def _start_reads(self) -> None:
        while self._wanted and len(self._reads) < _CONCURRENT_READS:
            batch = list(self._wanted)[:_KEYS_PER_READ]
            read = _Read({key_id: self._wanted.pop(key_id) for key_id in batch})
            task = asyncio.create_task(self._run(read))
            self._reads[task] = read
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._reads[task]
        if not task.cancelled():
            self._start_reads()

    async def _run(self, read: _Read) -> None:
        began = time.monotonic()
        try:
            found = await self._read(list(read.answers))
        except ConfigurationUnavailable as error:
            _fail(read.answers.values(), error)
        except Exception:
            # One project may be at fault: the others must not suffer for it.
            logger.exception("project keys unreadable")
            for key_id in read.answers:
                await self._read_alone(read, key_id, began)
        else:
            for key_id in read.answers:
                self._settle(read, key_id, found.get(key_id), began)

    async def _read_alone(self, read: _Read, key_id: str, began: float) -> None:
        try:
            found = await self._read([key_id])
        except Exception as error:
            msg = "The configuration of this project cannot be read."
            unavailable = ConfigurationUnavailable(msg)
            unavailable.__cause__ = error
            _fail([read.answers[key_id]], unavailable)
        else:
            self._settle(read, key_id, found.get(key_id), began)

    async def _read(self, key_ids: list[str]) -> dict[str, KeyRecord]:
        return await self._threads.read(read_keys, key_ids, self._known_project)

    def _known_project(self, project_id: int) -> ProjectRecord | None:
        return self._memory.project(project_id)

    def _settle(
        self, read: _Read, key_id: str, key: KeyRecord | None, began: float
    ) -> None:
        if key is not None and read.may_keep(key):
            self._memory.put(key)
            self._doubtful.drop_key(key_id)
        elif key is None and read.may_keep_misses():
            self._doubtful.drop_key(key_id)
            self._misses[key_id] = began
            if len(self._misses) > _MAX_MISSES:
                self._misses.popitem(last=False)
        answer = read.answers[key_id]
        if not answer.done():
            answer.set_result(key)


def _fail(answers: Iterable[_Answer], error: ConfigurationUnavailable) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
            # Whoever asked may be gone, and nobody else has to look at it.
            answer.exception()
