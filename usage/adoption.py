"""What dead processes left in the spool: shipped by whoever is alive, exactly once."""

import contextlib
import fcntl
import logging
import os
import shutil
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

from usage.ledger import Ledger
from usage.segments import (
    LOCK_NAME,
    QUARANTINE_NAME,
    id_of,
    is_at,
    is_intent,
    read_lines,
    readable,
    segment_path,
    segment_paths,
)
from usage.spool import remove_directory

logger = logging.getLogger(__name__)

BATCH = 500
# A directory in the making is hidden for an instant; an older one was never finished.
UNFINISHED_SECONDS = 60.0


def adopt_all(root: Path, ledger: Ledger) -> int:
    """Ship every directory whose owner is dead and return how many events were news."""
    return sum(adopt_in_steps(root, ledger))


def adopt_in_steps(root: Path, ledger: Ledger) -> Generator[int, None, None]:
    """Do the same a batch at a time, for one who has more urgent things to do between.

    Stopped anywhere, even by `kill -9`, it leaves what the next one can begin again.
    """
    remove_leftovers(root)
    for directory in directories(root):
        with orphaned(directory) as is_ours:
            if is_ours:
                yield from _ship(root, directory, ledger)
                remove_directory(directory)


def directories(root: Path) -> list[Path]:
    """Return the directories of all processes, dead or alive."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(
            path
            for path in root.iterdir()
            if path.is_dir() and not path.name.startswith(".")
        )
    return []


def bytes_on_disk(root: Path, *, besides: Path) -> int:
    """Return how much the directories of other processes take."""
    total = 0
    for directory in directories(root):
        if directory == besides:
            continue
        for path in segment_paths(directory):
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
    return total


@contextlib.contextmanager
def orphaned(directory: Path) -> Iterator[bool]:
    """Take the lock of a directory whose owner is dead; False when it is not ours."""
    try:
        lock = os.open(directory / LOCK_NAME, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        # Another one may have adopted it between our opening the lock and taking it.
        yield _is_taken(lock) and is_at(lock, directory / LOCK_NAME)
    finally:
        os.close(lock)


def _is_taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ship(root: Path, directory: Path, ledger: Ledger) -> Iterator[int]:
    open_intents: dict[bytes, bytes] = {}
    for path in segment_paths(directory):
        for lines in _lines_of(path):
            settled = []
            for line in readable(root, lines):
                if is_intent(line):
                    open_intents[id_of(line)] = line
                else:
                    open_intents.pop(id_of(line), None)
                    settled.append(line)
            yield ledger.write(settled, directory.name)
    unsettled = list(open_intents.values())
    for start in range(0, len(unsettled), BATCH):
        yield ledger.write(unsettled[start : start + BATCH], directory.name)
    if unsettled:
        logger.warning("attempts never settled", extra={"count": len(unsettled)})


def _lines_of(path: Path) -> Iterator[list[bytes]]:
    handle = os.open(path, os.O_RDONLY)
    try:
        size, read = os.fstat(handle).st_size, 0
        for lines, offset in read_lines(handle, 0, size):
            read = offset
            yield lines
        # Behind the last line stand zeros, room that was never written to.
        if torn := len(os.pread(handle, size - read, read).rstrip(b"\0")):
            # The write was cut short, so what it announced was never done.
            logger.warning("torn line in the spool", extra={"bytes": torn})
    finally:
        os.close(handle)


def remove_leftovers(root: Path) -> None:
    """Finish removals, and undo creations, that `kill -9` has stopped half way."""
    for path in root.glob(".*.gone"):
        shutil.rmtree(path, ignore_errors=True)
    for path in root.glob(".*.new"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > UNFINISHED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def release_quarantined(root: Path) -> None:
    """Let what was set aside be adopted like the segment of a dead process."""
    path = root / QUARANTINE_NAME
    try:
        file = path.open("ab")
    except FileNotFoundError:
        return
    name = uuid.uuid4().hex
    fresh = root / f".{name}.new"
    with file:
        # Whoever is about to add to it has the lock, or opens the next file.
        fcntl.flock(file, fcntl.LOCK_EX)
        fresh.mkdir()
        (fresh / LOCK_NAME).touch(mode=0o600)
        path.rename(segment_path(fresh, 1))
    fresh.rename(root / name)
