"""The files of the spool: what a line looks like, and how lines are read back."""

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

# A line is one of these, the event as a JSON object, and a line feed.
INTENT = b"I"
SETTLED = b"S"

LOCK_NAME = "owner.lock"
SUFFIX = ".spool"
QUARANTINE_NAME = "quarantine"

_HEADS = (INTENT + b'{"id":"', SETTLED + b'{"id":"')
_ID = slice(len(_HEADS[0]), len(_HEADS[0]) + 36)
_CHUNK_BYTES = 256 * 1024


def id_of(line: bytes) -> bytes:
    return line[_ID]


def event_of(line: bytes) -> bytes:
    """Return the JSON object of a line."""
    return line[1:]


def is_intent(line: bytes) -> bool:
    return line.startswith(INTENT)


def readable(root: Path, lines: list[bytes]) -> list[bytes]:
    """Return the lines that are of the spool, and set the others aside."""
    good = [line for line in lines if line.startswith(_HEADS)]
    if len(good) < len(lines):
        bad = [line for line in lines if not line.startswith(_HEADS)]
        quarantine(root, bad, reason="not a line of the spool")
    return good


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:08d}{SUFFIX}"


def segment_paths(directory: Path) -> list[Path]:
    """Return the segments of a directory, oldest first."""
    return sorted(directory.glob("*" + SUFFIX))


def read_lines(handle: int, start: int, end: int) -> Iterator[tuple[list[bytes], int]]:
    """Yield batches of whole lines, each with the offset that follows it.

    A last line without its line feed is not yielded.
    """
    size = _CHUNK_BYTES
    while start < end:
        chunk = os.pread(handle, min(size, end - start), start)
        length = chunk.rfind(b"\n") + 1
        if length == 0:
            if len(chunk) < size:
                return
            size *= 2
            continue
        start += length
        size = _CHUNK_BYTES
        yield chunk[: length - 1].split(b"\n"), start


def quarantine(root: Path, lines: Sequence[bytes], *, reason: str) -> None:
    """Set lines aside that cannot become events, and say so without their content."""
    path = root / QUARANTINE_NAME
    while not _add(path, b"".join(line + b"\n" for line in lines)):
        pass
    logger.error(
        "usage events quarantined",
        extra={"count": len(lines), "reason": reason, "file": str(path)},
    )


def _add(path: Path, data: bytes) -> bool:
    """Add to a file; False when it was moved away while we waited for its lock."""
    with path.open("ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not is_at(file.fileno(), path):
            return False
        file.write(data)
    return True


def is_at(handle: int, path: Path) -> bool:
    """Tell whether the open file is still the one with this path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
