"""End users in memory, read when a request names them, forgotten when they change."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TypeAlias

from gateway.configuration.database_threads import ConfigurationUnavailable
from gateway.configuration.end_user_loading import read_end_users
from gateway.configuration.end_user_memory import EndUserMemory, Name
from gateway.configuration.records import MISSING, EndUserRecord, Missing

_NAMES_PER_READ = 200

_Found: TypeAlias = tuple[dict[Name, EndUserRecord], set[int]]
_Answer: TypeAlias = "asyncio.Future[EndUserRecord | Missing]"
_Reader: TypeAlias = Callable[[Callable[[], _Found]], Awaitable[_Found]]


class EndUsersOnDemand:
    """End users by project and name. Belongs to one event loop.

    Those that are asked for while others are being read are read together. What was read
    while something changed answers those who asked before, and is not kept.
    """

    def __init__(self, read: _Reader, max_users: int, max_projects: int) -> None:
        self._read = read
        self._bounds = (max_users, max_projects)
        self._memory = EndUserMemory(*self._bounds)
        # Read before the connection was lost: good for as long as there is no better.
        self._doubtful = EndUserMemory(*self._bounds)
        self._wanted: dict[Name, _Answer] = {}
        self._under_way: dict[Name, _Answer] = {}
        self._task: asyncio.Task[None] | None = None
        self._changes = 0

    def __len__(self) -> int:
        return len(self._memory)

    def known(self, project_id: int, name: str) -> EndUserRecord | Missing | None:
        """Return what memory holds: the user, MISSING when there is none, or None."""
        return self._memory.get(project_id, name)

    async def load(self, project_id: int, name: str) -> EndUserRecord | Missing:
        """Return the user from the database, MISSING when there is none of that name.

        When the database is away, what was known before stays true; without that,
        `ConfigurationUnavailable`.
        """
        try:
            return await asyncio.shield(self._answer((project_id, name)))
        except ConfigurationUnavailable:
            last_good = self._doubtful.get(project_id, name)
            if last_good is None:
                raise
            return last_good

    def evict(self, changed: Collection[tuple[int, int]]) -> None:
        """Forget what is known of end users, each given by project and id."""
        self._note_change()
        for memory in (self._memory, self._doubtful):
            memory.drop(changed)

    def evict_projects(self, project_ids: Collection[int]) -> None:
        self._note_change()
        for memory in (self._memory, self._doubtful):
            for project_id in project_ids:
                memory.drop_project(project_id)

    def evict_all(self) -> None:
        self._note_change()
        self._memory.clear()
        self._doubtful.clear()

    def doubt_all(self) -> None:
        """Read everything anew on its next use; keep it in case it cannot be read."""
        self._note_change()
        self._doubtful.take_over(self._memory)
        self._memory = EndUserMemory(*self._bounds)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        stopped = ConfigurationUnavailable("Signalbox is stopping.")
        for answer in (*self._under_way.values(), *self._wanted.values()):
            _fail(answer, stopped)

    def _note_change(self) -> None:
        self._changes += 1
        # Nobody who asks from now on is given what is being read.
        self._under_way = {}

    def _answer(self, name: Name) -> _Answer:
        answer = self._under_way.get(name) or self._wanted.get(name)
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._wanted[name] = answer
            if self._task is None:
                self._task = asyncio.create_task(self._read_wanted())
        return answer

    async def _read_wanted(self) -> None:
        try:
            while self._wanted:
                names = list(self._wanted)[:_NAMES_PER_READ]
                answers = {name: self._wanted.pop(name) for name in names}
                self._under_way = answers
                await self._read_batch(answers)
                self._under_way = {}
        finally:
            self._task = None

    async def _read_batch(self, answers: dict[Name, _Answer]) -> None:
        changes = self._changes
        try:
            found, without = await self._read(partial(read_end_users, list(answers)))
        except Exception as error:
            msg = "The configuration of this end user cannot be read."
            unavailable = ConfigurationUnavailable(msg)
            unavailable.__cause__ = error
            for answer in answers.values():
                _fail(answer, unavailable)
            return
        except asyncio.CancelledError:
            stopped = ConfigurationUnavailable("Signalbox is stopping.")
            for answer in answers.values():
                _fail(answer, stopped)
            raise
        if changes == self._changes:
            for project_id in without:
                self._memory.put_without(project_id)
        for name, answer in answers.items():
            user = found.get(name, MISSING)
            if changes == self._changes and name[0] not in without:
                self._memory.put(*name, user)
            if not answer.done():
                answer.set_result(user)


def _fail(answer: _Answer, error: ConfigurationUnavailable) -> None:
    if not answer.done():
        answer.set_exception(error)
        # Whoever asked may be gone, and nobody else has to look at it.
        answer.exception()
