"""Celery workers and beat of a stand, as `make run` starts them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from config.embedded import CHECKOUT
from tests.durability.stand import STOP_SECONDS, Stand

# Of each worker.
THREADS = 4
_CELERY = [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "config"]
WORKER = [
    *_CELERY,
    *("worker", "--pool=threads", f"--concurrency={THREADS}", "--loglevel=INFO"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
]
BEAT = [*_CELERY, "beat", "--loglevel=INFO"]


class Background:
    """One process that works behind the web."""

    def __init__(self, name: str, command: list[str], made: Stand) -> None:
        self.name = name
        self._command = command
        self._made = made
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self._made.home / "log" / f"{self.name}.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                cwd=CHECKOUT,
                env=self._made.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self) -> str:
        return (self._made.home / "log" / f"{self.name}.log").read_text("utf-8")


@contextmanager
def workers(made: Stand, count: int = 1, beats: int = 1) -> Iterator[list[Background]]:
    """Start workers and beats, and end them whatever the test did to them."""
    ticking = [Background(f"beat-{n}", BEAT, made) for n in range(beats)]
    several = [Background(f"worker-{n}", WORKER, made) for n in range(count)]
    try:
        for each in (*ticking, *several):
            each.start()
        yield several
    finally:
        for each in (*ticking, *several):
            each.ask_to_stop()
        for each in (*ticking, *several):
            each.stop()
