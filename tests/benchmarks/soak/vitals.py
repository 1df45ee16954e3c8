"""What a process holds: memory over time, sockets, files, threads and asyncio tasks."""

import itertools
import json
import os
import signal
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_EVERY_S = 1.0
_TELL_S = 10.0
# Slopes are taken between means of so many samples, so that their number stays small.
_POINTS = 60


@dataclass(frozen=True)
class Holding:
    """What a process holds at a moment."""

    descriptors: int
    connections: int
    threads: int
    tasks: dict[str, int]


def holding(pid: int, folder: Path) -> Holding:
    process = psutil.Process(pid)
    tasks = _tasks(pid, folder)
    connections = process.net_connections(kind="tcp")
    return Holding(
        descriptors=process.num_fds(),
        connections=sum(each.status != psutil.CONN_LISTEN for each in connections),
        threads=process.num_threads(),
        tasks=tasks,
    )


def _tasks(pid: int, folder: Path) -> dict[str, int]:
    file = folder / f"{pid}.json"
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + _TELL_S
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} does not tell its tasks")
        time.sleep(0.05)
    found: dict[str, int] = json.loads(file.read_text())
    return found


@dataclass
class Memory:
    """Samples the resident memory of processes once a second."""

    pids: Sequence[int]
    samples: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.samples = {pid: [] for pid in self.pids}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            for pid in self.pids:
                memory = psutil.Process(pid).memory_info().rss / 2**20
                self.samples[pid].append((time.monotonic(), memory))

    def between(self, start: float, end: float) -> dict[int, list[tuple[float, float]]]:
        return {
            pid: [each for each in samples if start <= each[0] < end]
            for pid, samples in self.samples.items()
        }


def slope_per_hour(samples: Sequence[tuple[float, float]]) -> float:
    """Return by which share of itself a figure grows in an hour.

    The median of the slopes between all pairs of points (Theil and Sen): one page that
    is given back, or one burst, does not turn it.
    """
    size = max(1, len(samples) // _POINTS)
    points = [
        (
            statistics.fmean(at for at, _ in group),
            statistics.fmean(value for _, value in group),
        )
        for group in (
            samples[start : start + size] for start in range(0, len(samples), size)
        )
    ]
    slopes = [
        (later - earlier) / (end - begin)
        for (begin, earlier), (end, later) in itertools.combinations(points, 2)
    ]
    return statistics.median(slopes) * 3600 / statistics.fmean(v for _, v in points)
