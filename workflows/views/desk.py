"""What the views of one event loop share: threads for the database, and a watcher."""

import asyncio
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from gateway.refusals import Overloaded
from workflows.runs.watching import Watcher

T = TypeVar("T")

_THREADS = 4
_STATEMENT_S = 10.0
_ANSWER_S = 15.0


class Desk:
    def __init__(self) -> None:
        self._threads = DatabaseThreads(
            _THREADS, statement_s=_STATEMENT_S, answer_s=_ANSWER_S, read_only=False
        )
        self.watcher = Watcher(self._threads.read)

    async def read(self, function: Callable[[], T]) -> T:
        """Return what the function does in one transaction. Raises `Overloaded`."""
        try:
            return await self._threads.read(function)
        except ConfigurationUnavailable as error:
            msg = "The database does not answer at the moment; try again shortly."
            raise Overloaded(msg, headers={"retry-after": "2"}) from error

    async def close(self) -> None:
        await self._threads.stop()


_desks: "WeakKeyDictionary[asyncio.AbstractEventLoop, Desk]" = WeakKeyDictionary()


def desk() -> Desk:
    loop = asyncio.get_running_loop()
    found = _desks.get(loop)
    if found is None:
        found = _desks[loop] = Desk()
    return found


async def close_desk() -> None:
    """Close what the running loop has opened, if it has."""
    found = _desks.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found.close()
