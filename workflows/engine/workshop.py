"""Where a worker does the steps of runs: a gateway of its own, in an event loop's thread."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from gateway.configuration.database_threads import DatabaseThreads
from gateway.opening import OpenGateway
from workflows.actions.outcomes import Outcome
from workflows.actions.task import Tools
from workflows.engine.claims import Claimed, Report, Turn
from workflows.engine.driver import Driver
from workflows.engine.due import renew_leases, runs_due
from workflows.engine.performing import perform
from workflows.engine.turns import take_turn
from workflows.engine.turnstile import Turnstile
from workflows.runs.cancelling import cancel_run

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_STEPS_AT_ONCE = 500
MAX_RUNS_AT_ONCE = 2_000
_DATABASE_THREADS = 4
_STATEMENT_S = 20.0
_ANSWER_S = 30.0
_HEARTBEAT_S = 5.0
_LOOK_S = 2.0
_OPEN_S = 60.0


class Workshop:
    """Started once in a process that works on runs, and stopped with it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="workflows", daemon=True)
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._gateway = OpenGateway()
        self._drivers: dict[UUID, Driver] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turnstile = Turnstile(_DATABASE_THREADS)
        self._database: DatabaseThreads | None = None
        self._drain_s = 0.0

    def start(self) -> None:
        """Open the gateway and begin to look for runs; returns when that is done."""
        self._thread.start()
        self._ready.wait(_OPEN_S)
        if self._failure is not None:
            raise self._failure

    def stop(self, drain_s: float = 10.0) -> None:
        """Let what is under way end for at most so long, then leave it to others."""
        if self._loop is None or not self._thread.is_alive():
            return
        self._drain_s = drain_s
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(drain_s + _OPEN_S)

    def wake(self, run_id: UUID) -> None:
        """Look at a run; from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._wake, run_id)

    async def take_turn(
        self, run_id: UUID, reports: list[Report], held: frozenset[UUID]
    ) -> Turn:
        async with self._turnstile.passing(hurries=bool(reports)):
            busy = sum(len(driver.claims) for driver in self._drivers.values())
            room = 0 if self._stopping.is_set() else MAX_STEPS_AT_ONCE - busy
            turn = await self.read(partial(take_turn, run_id, reports, held, room))
        gateway = self._gateway.gateway
        if turn.ended and gateway is not None and gateway.telemetry is not None:
            gateway.telemetry.run(turn.ended)
        return turn

    async def perform(self, claimed: Claimed) -> Outcome:
        gateway = self._gateway.gateway
        assert gateway is not None  # noqa: S101  # Drivers begin when it is open.
        return await perform(claimed, Tools(gateway, self.read))

    async def cancel(self, run_id: UUID) -> None:
        for other in await self.read(partial(cancel_run, run_id)):
            self._wake(other)

    async def read(self, function: Callable[[], T]) -> T:
        """Return what the function finds in the database, as one transaction."""
        assert self._database is not None  # noqa: S101
        return await self._database.read(function)

    def _wake(self, run_id: UUID) -> None:
        driver = self._drivers.get(run_id)
        if driver is not None:
            driver.wake()
        elif len(self._drivers) < MAX_RUNS_AT_ONCE and not self._stopping.is_set():
            driver = self._drivers[run_id] = Driver(run_id, self)
            task = asyncio.create_task(self._drive(driver))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drive(self, driver: Driver) -> None:
        try:
            await driver.drive()
        finally:
            del self._drivers[driver.run_id]

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            self._failure = error
            logger.exception("the workshop has ended")
        finally:
            self._ready.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._database = DatabaseThreads(
            _DATABASE_THREADS,
            statement_s=_STATEMENT_S,
            answer_s=_ANSWER_S,
            read_only=False,
        )
        await self._gateway.open()
        self._ready.set()
        keeping = asyncio.create_task(self._repeat(_HEARTBEAT_S, self._keep_claims))
        looking = asyncio.create_task(self._repeat(_LOOK_S, self._look))
        try:
            await self._stopping.wait()
            looking.cancel()
            await self._drain()
        finally:
            for task in (looking, keeping, *self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._gateway.close()
            await self._database.stop()

    async def _drain(self) -> None:
        """Wait for the steps under way; their runs go on elsewhere."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._drain_s
        while loop.time() < until and any(d.claims for d in self._drivers.values()):
            await asyncio.sleep(0.05)

    async def _repeat(self, every_s: float, work: Callable[[], Any]) -> None:
        while True:
            try:
                await work()
            except Exception:
                logger.warning("the workshop goes on", exc_info=True)
            await asyncio.sleep(every_s)

    async def _look(self) -> None:
        room = MAX_RUNS_AT_ONCE - len(self._drivers)
        if room > 0:
            for run_id in await self.read(partial(runs_due, room)):
                self._wake(run_id)

    async def _keep_claims(self) -> None:
        held = {
            claim: driver
            for driver in self._drivers.values()
            for claim in driver.claims
        }
        if not held:
            return
        good = await self.read(partial(renew_leases, list(held)))
        for claim in held.keys() - good:
            held[claim].drop(claim)
            held[claim].wake()
