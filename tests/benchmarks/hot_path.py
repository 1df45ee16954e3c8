"""Where the time of a request goes: the top functions of a profile."""

import os
import pstats
import signal
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import CHECKOUT

_SITE = Path(sysconfig.get_path("purelib"))
WRITE_SECONDS = 20.0
_STANDARD = Path(sysconfig.get_path("stdlib"))


@dataclass(frozen=True)
class Function:
    """One function: its own time and all below it, in microseconds per request."""

    name: str
    place: str
    calls: float
    own_us: float
    total_us: float


@contextmanager
def recorded(pid: int, file: Path) -> Iterator[None]:
    """Profile a process of profiled_web for a while; the file is there afterwards."""
    os.kill(pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGUSR1)
        deadline = time.monotonic() + WRITE_SECONDS
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)


def top_functions(file: Path, requests: int, count: int) -> list[Function]:
    """Return the functions that take most time by themselves."""
    stats: dict[tuple[str, int, str], tuple[Any, ...]] = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    found = [
        Function(
            name=name,
            place=_place(path, line),
            calls=calls / requests,
            own_us=own / requests * 1e6,
            total_us=total / requests * 1e6,
        )
        for (path, line, name), (_, calls, own, total, _) in stats.items()
    ]
    found.sort(key=lambda function: function.own_us, reverse=True)
    return found[:count]


def _place(path: str, line: int) -> str:
    if path == "~":
        return "built in"
    for folder in (CHECKOUT, _SITE, _STANDARD):
        if Path(path).is_relative_to(folder):
            # The environment lies in the checkout: the longest match is tried last.
            path = str(Path(path).relative_to(folder))
            break
    path = path.removeprefix(".venv/").partition("site-packages/")[2] or path
    return f"{path}:{line}"
