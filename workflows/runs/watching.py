"""Knowing when a run changes: one question to the database for all who want to know."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from workflows.models import ACTIVE, WorkflowRun

logger = logging.getLogger(__name__)

_EVERY_S = 0.03
_AFTER_FAILURE_S = 0.5


@dataclass(frozen=True, slots=True)
class State:
    revision: int
    status: str

    @property
    def is_over(self) -> bool:
        return self.status not in ACTIVE


@dataclass(eq=False, slots=True)
class _Wait:
    run_id: UUID
    seen: int
    future: "asyncio.Future[State | None]"


class Watcher:
    """Asks for as long as anybody waits. Belongs to one event loop."""

    def __init__(self, read: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self._read = read
        self._waits: set[_Wait] = set()
        self._task: asyncio.Task[None] | None = None

    async def change(self, run_id: UUID, seen: int) -> State | None:
        """Return the state once its revision is above `seen`; None: the run is gone."""
        wait = _Wait(run_id, seen, asyncio.get_running_loop().create_future())
        self._waits.add(wait)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            return await wait.future
        finally:
            self._waits.discard(wait)

    async def until_over(self, run_id: UUID, seconds: float) -> None:
        """Return when the run is over, or the time."""
        seen = -1
        try:
            async with asyncio.timeout(seconds):
                while (state := await self.change(run_id, seen)) is not None:
                    if state.is_over or state.status == "waiting_approval":
                        return
                    seen = state.revision
        except TimeoutError:
            return

    async def _look(self) -> None:
        while self._waits:
            ids = list({wait.run_id for wait in self._waits})
            try:
                found: dict[UUID, State] = await self._read(partial(_states, ids))
            except Exception:
                logger.warning("runs cannot be watched", exc_info=True)
                await asyncio.sleep(_AFTER_FAILURE_S)
                continue
            for wait in list(self._waits):
                state = found.get(wait.run_id)
                if wait.future.done() or wait.run_id not in ids:
                    continue
                if state is None or state.revision > wait.seen:
                    wait.future.set_result(state)
            await asyncio.sleep(_EVERY_S)


def _states(run_ids: list[UUID]) -> dict[UUID, State]:
    rows = WorkflowRun.objects.filter(pk__in=run_ids)
    return {
        pk: State(revision, status)
        for pk, revision, status in rows.values_list("pk", "revision", "status")
    }
