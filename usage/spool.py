"""The spool: every usage event is on disk before, and after, its attempt goes upstream.

A process owns one directory, marked by a lock that the kernel gives back when the
process dies, and appends to one segment file at a time. What has been appended
outlives the process. Only one thread may write; another one ships.
"""

import fcntl
import logging
import os
import shutil
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from usage.records import EventRecord, Settlement, encode, settled
from usage.segment_writer import WINDOW_BYTES, SegmentWriter
from usage.segments import INTENT, LOCK_NAME, SETTLED, event_of, id_of, segment_path

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 60.0


class SpoolFull(Exception):
    """The attempt cannot be metered, so it must not be made."""


@dataclass(slots=True, eq=False)
class Segment:
    """A file of the spool. Its lines up to `size` are whole; `closed` is final."""

    path: Path
    size: int = 0
    shipped: int = 0
    closed: bool = False
    opened_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Depth:
    """How full the spool is. `share` is of the bytes that all spools may take."""

    bytes: int
    unshipped_bytes: int
    open_intents: int
    share: float


class Spool:
    """The spool of this process."""

    def __init__(
        self,
        root: Path,
        directory: Path,
        lock: int,
        *,
        max_bytes: int,
        segment_bytes: int,
        window_bytes: int,
    ) -> None:
        self.root = root
        self.directory = directory
        self.segments: deque[Segment] = deque()
        self.bytes_elsewhere = 0
        self._lock = lock
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._open_intents: dict[bytes, bytes] = {}
        self._unwritten: deque[bytes] = deque()
        self._number = 0
        self._bytes_of_closed = 0
        self._bytes_removed = 0
        self._window_bytes = window_bytes
        self._writer, self._segment = self._next_segment()
        self._rotate_at = segment_bytes
        self.segments.append(self._segment)

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        max_bytes: int | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        window_bytes: int = WINDOW_BYTES,
    ) -> "Spool":
        """Make one's own directory under `root`, locked before others can see it."""
        name = uuid.uuid4().hex
        fresh = root / f".{name}.new"
        fresh.mkdir(parents=True)
        lock = os.open(fresh / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        directory = fresh.rename(root / name)
        return cls(
            root,
            directory,
            lock,
            max_bytes=settings.SPOOL_MAX_BYTES if max_bytes is None else max_bytes,
            segment_bytes=segment_bytes,
            window_bytes=window_bytes,
        )

    def intend(self, record: EventRecord) -> None:
        """Note an attempt before it is made; SpoolFull means that it must not be."""
        self._check_room()
        line = INTENT + encode(record) + b"\n"
        self._append(line)
        self._open_intents[record.id.encode()] = line

    def settle(self, attempt_id: str, settlement: Settlement) -> None:
        """Note how an attempt ended whose intent is open.

        Never refused: what the disk does not take is kept in memory and written later,
        and the intent stands until then.
        """
        key = attempt_id.encode()
        intent = event_of(self._open_intents[key])[:-1]
        line = SETTLED + settled(intent, settlement) + b"\n"
        try:
            self._append(line)
        except SpoolFull:
            self._unwritten.append(line)
        else:
            del self._open_intents[key]

    def record(self, record: EventRecord) -> None:
        """Note something that needed no attempt, such as an answer from the cache."""
        self._check_room()
        self._append(SETTLED + encode(record) + b"\n")

    def close(self) -> None:
        """Give the directory up; what is left in it is adopted by another process."""
        self._write_unwritten()
        depth = self.depth()
        self._writer.close()
        if depth.unshipped_bytes == 0 and depth.open_intents == 0:
            remove_directory(self.directory)
        os.close(self._lock)

    def depth(self) -> Depth:
        total = self._bytes()
        return Depth(
            bytes=total,
            unshipped_bytes=sum(s.size - s.shipped for s in tuple(self.segments)),
            open_intents=len(self._open_intents),
            share=(total + self.bytes_elsewhere) / self._max_bytes,
        )

    def remove_shipped(self) -> None:
        """Delete closed segments that are in the database. Called by the shipper."""
        while (oldest := self.segments[0]).closed and oldest.shipped == oldest.size:
            oldest.path.unlink()
            self._bytes_removed += oldest.size
            self.segments.popleft()
        if time.monotonic() - self._segment.opened_at > SEGMENT_SECONDS:
            self._rotate_at = 1

    def _bytes(self) -> int:
        return self._bytes_of_closed + self._segment.size - self._bytes_removed

    def _check_room(self) -> None:
        if self._bytes() + self.bytes_elsewhere > self._max_bytes:
            raise SpoolFull("The spool of usage events has reached its size limit.")

    def _append(self, line: bytes) -> None:
        if self._segment.size >= self._rotate_at:
            self._rotate()
        if self._unwritten and not self._write_unwritten():
            raise SpoolFull("The disk does not take usage events.")
        self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            self._writer.write(line)
        except OSError as error:
            raise SpoolFull("The disk does not take usage events.") from error
        self._segment.size = self._writer.size

    def _write_unwritten(self) -> bool:
        while self._unwritten:
            try:
                self._write(self._unwritten[0])
            except SpoolFull:
                return False
            self._open_intents.pop(id_of(self._unwritten.popleft()), None)
        return True

    def _rotate(self) -> None:
        """Go on in a new segment, which begins with the intents that are still open.

        When the disk does not allow it, the old segment is used for longer.
        """
        old_writer, old = self._writer, self._segment
        try:
            self._writer, self._segment = self._next_segment()
        except OSError:
            self._rotate_at = old.size + self._segment_bytes
            logger.exception("spool not rotated")
            return
        try:
            self._write(b"".join(self._open_intents.values()))
        except SpoolFull:
            self._writer.close()
            self._segment.path.unlink()
            self._writer, self._segment = old_writer, old
            self._rotate_at = old.size + self._segment_bytes
            logger.exception("spool not rotated")
            return
        old_writer.close()
        self._bytes_of_closed += old.size
        # What is carried is no reason to rotate again.
        self._rotate_at = self._segment.size + self._segment_bytes
        self.segments.append(self._segment)
        old.closed = True

    def _next_segment(self) -> tuple[SegmentWriter, Segment]:
        self._number += 1
        path = segment_path(self.directory, self._number)
        return SegmentWriter(path, self._window_bytes), Segment(path)


def remove_directory(directory: Path) -> None:
    """Remove a directory of the spool so that nobody sees it half removed."""
    gone = directory.rename(directory.with_name(f".{directory.name}.gone"))
    shutil.rmtree(gone, ignore_errors=True)
