"""Bounds on how long a task may wait, watched over together.

A timer of its own for every wait would cost more than most waits last. Here a wait sets
a moment, and one timer for all of them looks who is overdue.
"""

import asyncio
import time

PERIOD_S = 0.1
NEVER = float("inf")


class Guard:
    """One task's bound: while it waits, `due` is when it is interrupted."""

    __slots__ = ("due", "fired", "task")

    def __init__(self, task: asyncio.Task[object], due: float) -> None:
        self.task = task
        self.due = due
        self.fired = False

    def take_back(self) -> bool:
        """Say whether a cancellation was ours; then it is over and done with."""
        if self.fired:
            self.fired = False
            self.task.uncancel()
            return True
        return False


class Watchdog:
    """The guards of one event loop."""

    def __init__(self) -> None:
        self._guards: set[Guard] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def guard(self, due: float) -> Guard:
        """Bound the running task; give the guard back with `release`."""
        if self._loop is None:
            # Asking for the loop is a system call before Python 3.12.
            self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("Only a task can be interrupted.")
        guard = Guard(task, due)
        self._guards.add(guard)
        if self._timer is None:
            self._schedule()
        return guard

    def release(self, guard: Guard) -> None:
        self._guards.discard(guard)

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._guards:
            return
        now = time.monotonic()
        for guard in self._guards:
            if guard.due < now:
                guard.due = NEVER
                guard.fired = True
                guard.task.cancel()
        self._schedule()
