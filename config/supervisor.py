"""Keeps programs running: starts them, restarts what ends, stops all together."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from config.lifeline import end_with_parent
from config.saying import say

TICK_SECONDS = 0.1
# A program that lived this long is restarted at once; a shorter life is waited on.
STEADY_SECONDS = 5.0
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Program:
    """One process to keep up."""

    name: str
    command: Sequence[str]
    # Inherited descriptors: listening sockets, and locks to hold until the end.
    fds: tuple[int, ...] = ()
    # What others need until they have ended is stopped after them.
    stop_last: bool = False


class Running:
    """A program and the process that is running it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self._started = 0.0
        self._start_again = 0.0

    def start(self) -> None:
        self._started = time.monotonic()
        self.process = subprocess.Popen(
            list(self.program.command),
            stdin=subprocess.DEVNULL,
            pass_fds=self.program.fds,
            # Ctrl-C goes to a terminal's whole group; only the supervisor acts on it.
            process_group=0,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )

    def look_after(self) -> None:
        """Restart the program if it has ended and has waited long enough."""
        now = time.monotonic()
        if self.process is not None:
            if (code := self.process.poll()) is None:
                return
            self.process = None
            lived = now - self._started
            self.failures = self.failures + 1 if lived < STEADY_SECONDS else 0
            self._start_again = now + self._wait()
            what = f"{self.program.name} ended ({_reason(code)}) and is started again"
            say(what, sys.stderr)
        if now >= self._start_again:
            self.start()

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _wait(self) -> float:
        if self.failures == 0:
            return 0.0
        wait = FIRST_WAIT_SECONDS * 2 ** min(self.failures - 1, 10)
        return float(min(wait, LONGEST_WAIT_SECONDS))


class Supervisor:
    def __init__(self, *, stop_seconds: float) -> None:
        self.running: list[Running] = []
        self.stop_seconds = stop_seconds

    def start(self, programs: Sequence[Program]) -> None:
        """Start these programs, and keep them up from now on."""
        for program in programs:
            running = Running(program)
            self.running.append(running)
            running.start()

    def look_after(self) -> None:
        """Restart what has ended, then rest for a moment."""
        for running in self.running:
            running.look_after()
        time.sleep(TICK_SECONDS)

    def failures(self) -> int:
        """Return how often in a row the least steady program ended too early."""
        return max(running.failures for running in self.running)

    def stop(self, is_hurried: Callable[[], bool]) -> None:
        """End all programs in good order; at once when hurried or out of time."""
        for last in (False, True):
            group = [r for r in self.running if r.program.stop_last == last]
            for running in group:
                running.send(signal.SIGTERM)
            deadline = time.monotonic() + self.stop_seconds
            while not all(running.has_ended() for running in group):
                if is_hurried() or time.monotonic() > deadline:
                    for running in group:
                        running.send(signal.SIGKILL)
                time.sleep(TICK_SECONDS / 2)


def _reason(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
