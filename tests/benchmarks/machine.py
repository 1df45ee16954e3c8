"""What the figures were measured on, and which core does what."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from gateway.simulator.server import bind, url_of

CHECKOUT = Path(__file__).resolve().parent.parent.parent
_PACKAGES = (
    "Django",
    "djangorestframework",
    "uvicorn",
    "uvloop",
    "httptools",
    "aiohttp",
)


class Cores:
    """One core for what is measured, another for everything that it talks to."""

    def __init__(self) -> None:
        self.all = sorted(os.sched_getaffinity(0))
        self.measured = self.all[0]
        self.rest = self.all[1] if len(self.all) > 1 else self.all[0]

    @property
    def are_apart(self) -> bool:
        return self.measured != self.rest

    def keep_rest(self) -> None:
        """Stay on the second core, with every child that is started from now on."""
        os.sched_setaffinity(0, {self.rest})

    def start_measured(
        self, command: Sequence[str], environment: dict[str, str]
    ) -> "tuple[subprocess.Popen[bytes], str]":
        """Start a server on the core that is measured, and on that alone.

        It inherits a listening socket and is told of it with --fd; returns its URL.
        """
        with self.on_measured(), bind() as sock:
            fd = sock.fileno()
            process = subprocess.Popen(
                [*command, "--fd", str(fd)],
                cwd=CHECKOUT,
                env=environment,
                pass_fds=[fd],
            )
            return process, url_of(sock)

    @contextmanager
    def on_measured(self) -> Iterator[None]:
        """Let what is started meanwhile have the core that is measured."""
        os.sched_setaffinity(0, {self.measured})
        try:
            yield
        finally:
            self.keep_rest()


def describe() -> list[str]:
    """Return the machine and the versions, one line each."""
    cores = os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return [
        f"{_processor()}, {cores} cores, {memory:.0f} GiB of memory",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        packages,
    ]


def command_line(module: str) -> str:
    """Return the command that repeats this run."""
    arguments = [each for each in sys.argv[1:] if each != "--write"]
    return " ".join([f"python -m {module}", *arguments, "--write"])


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
