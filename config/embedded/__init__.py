"""PostgreSQL and Redis for a machine that has none: started once, shared, stopped last.

A server belongs to a keeper process (see keeper.py), not to whoever asked for it first.
Every user holds a shared lock on a file of the home folder, and the keeper stops its
server when the last lock is gone. The kernel drops the lock of a killed process, so
nothing is left over after `kill -9`, and no user can stop a server under another.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from config.embedded import places

CHECKOUT = Path(__file__).resolve().parent.parent.parent
STOP_SECONDS = 60.0
# Longer than a keeper needs to see that its last user has gone.
GRACE_SECONDS = 0.5


class ServerFailed(Exception):
    """An embedded server could not be started; the message says why."""


@dataclass
class Servers:
    """The addresses to use, and this process's part in keeping the servers up.

    Children that must outlive this process in good order inherit `lock_fds`: the
    servers then stay up until the last of them has gone.
    """

    database_url: str
    redis_url: str
    lock_fds: dict[str, int] = field(default_factory=dict)
    home: Path = Path()

    def stop(self) -> None:
        """Stop using the servers, and wait for them to end when nobody else does."""
        for fd in self.lock_fds.values():
            os.close(fd)
        kinds = list(self.lock_fds)
        self.lock_fds.clear()
        _wait_until_stopped(self.home, kinds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def is_on() -> bool:
    """Tell whether missing servers may be started; SIGNALBOX_EMBEDDED says so."""
    value = os.environ.get("SIGNALBOX_EMBEDDED") or "auto"
    if value not in {"auto", "off"}:
        raise ServerFailed(
            f"SIGNALBOX_EMBEDDED must be 'auto' or 'off', not {value!r}."
        )
    return value == "auto"


def start(home: Path, *, throwaway: bool = False) -> Servers:
    """Return the servers to use, starting those for which no address is given.

    A throwaway server trades durability for speed and deletes its data at the end.
    """
    servers = Servers(
        database_url=os.environ.get("DATABASE_URL", ""),
        redis_url=os.environ.get("REDIS_URL", ""),
        home=home,
    )
    if servers.database_url and servers.redis_url:
        return servers
    if not is_on():
        raise ServerFailed(
            "SIGNALBOX_EMBEDDED is off: set DATABASE_URL and REDIS_URL, "
            "or set SIGNALBOX_EMBEDDED=auto to start what is missing."
        )
    try:
        if not servers.database_url:
            servers.lock_fds["postgres"] = _use(home, "postgres", throwaway=throwaway)
            servers.database_url = places.database_url(home)
        if not servers.redis_url:
            servers.lock_fds["redis"] = _use(home, "redis", throwaway=throwaway)
            servers.redis_url = places.redis_url(home)
    except BaseException:
        servers.stop()
        raise
    return servers


def _use(home: Path, kind: str, *, throwaway: bool) -> int:
    """Return a descriptor whose lock keeps the server up; start it when it is down."""
    home.mkdir(parents=True, exist_ok=True)
    # Waits here while a keeper that lost its last user is stopping the server.
    fd = places.lock(places.users_lock(home, kind), fcntl.LOCK_SH)
    try:
        with _one_at_a_time(home, kind):
            if not _is_kept(home, kind):
                _start_keeper(home, kind, throwaway=throwaway)
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextmanager
def _one_at_a_time(home: Path, kind: str) -> Iterator[None]:
    fd = places.lock(places.start_lock(home, kind), fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(fd)


def _is_kept(home: Path, kind: str) -> bool:
    try:
        fd = places.lock(places.keeper_lock(home, kind), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    os.close(fd)
    return False


def _start_keeper(home: Path, kind: str, *, throwaway: bool) -> None:
    log = places.log_file(home, kind)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "config.embedded.keeper", kind, str(home)]
    if throwaway:
        command.append("--throwaway")
    with log.open("ab") as errors:
        keeper = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Ctrl-C in a terminal is for the users; the keeper goes after them.
            start_new_session=True,
        )
    assert keeper.stdout is not None  # noqa: S101
    with keeper.stdout as pipe:
        answer = pipe.readline().decode()
    if answer.strip() != "ready":
        keeper.wait()
        tail = log.read_text(errors="replace").strip().splitlines()[-12:]
        lines = "\n  ".join(tail)
        raise ServerFailed(f"The embedded {kind} did not start ({log}):\n  {lines}")
    # It outlives this object on purpose; without a status Popen would warn about it.
    keeper.returncode = 0


def _wait_until_stopped(home: Path, kinds: list[str]) -> None:
    """Wait for the keepers to end, except where somebody else still uses the server."""
    start = time.monotonic()
    while kinds and time.monotonic() < start + STOP_SECONDS:
        time.sleep(0.05)
        kinds = [kind for kind in kinds if _is_kept(home, kind)]
        if time.monotonic() > start + GRACE_SECONDS:
            kinds = [kind for kind in kinds if not _is_shared(home, kind)]


def _is_shared(home: Path, kind: str) -> bool:
    """Tell whether the users' lock can be had; a stopping keeper prevents it."""
    try:
        fd = places.lock(places.users_lock(home, kind), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.close(fd)
    return True
