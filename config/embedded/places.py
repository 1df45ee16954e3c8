"""Where the embedded servers of a home folder keep their files and listen.

Everything follows from the home folder's path, so that any process can find them.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

DATABASE = "signalbox"
DATABASE_USER = "signalbox"

# A socket's path may have 107 bytes; PostgreSQL adds its file name to the folder.
SOCKET_FOLDER_BYTES = 107 - len("/postgres/.s.PGSQL.5432")


def socket_folder(home: Path, kind: str) -> Path:
    """Return a server's socket folder, in the home folder unless that is too deep."""
    folder = home / "run"
    if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"signalbox-{os.getuid()}-{digest}"
    if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES:
        folder = Path("/tmp") / folder.name  # noqa: S108
    return folder / kind


def make_socket_folder(home: Path, kind: str) -> Path:
    """Make the folder, refusing one that another account put in its place."""
    folder = socket_folder(home, kind)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.parent.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder.parent} belongs to another account")
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def remove_socket_folder(home: Path, kind: str) -> None:
    folder = socket_folder(home, kind)
    shutil.rmtree(folder, ignore_errors=True)
    # The other server may still have its own in there.
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def database_url(home: Path) -> str:
    host = quote(str(socket_folder(home, "postgres")))
    return f"postgresql://{DATABASE_USER}@/{DATABASE}?host={host}"


def redis_url(home: Path) -> str:
    return f"unix://{quote(str(redis_socket(home)))}?db=0"


def redis_socket(home: Path) -> Path:
    return socket_folder(home, "redis") / "redis.sock"


def log_file(home: Path, kind: str) -> Path:
    return home / "log" / f"{kind}.log"


def users_lock(home: Path, kind: str) -> Path:
    """Shared by all who use the server; the keeper has it alone while it stops it."""
    return home / f"{kind}.users.lock"


def start_lock(home: Path, kind: str) -> Path:
    """Held by the one who is starting a keeper."""
    return home / f"{kind}.start.lock"


def keeper_lock(home: Path, kind: str) -> Path:
    """Held by the keeper for as long as the server is up."""
    return home / f"{kind}.keeper.lock"


def lock(path: Path, operation: int) -> int:
    """Return a descriptor that holds the lock until its last copy is closed."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, operation)
    except BaseException:
        os.close(fd)
        raise
    return fd
