"""Appending to a file through memory: no system call a line, and no line lost with the process.

What is written to a shared mapping belongs to the kernel at once, so it outlives
`kill -9` as a `write` would. Room is allotted before it is mapped: a full disk is
noticed as an error here, not as a signal later. Behind the last line the file holds
zeros, until it is closed.
"""

import mmap
import os
from pathlib import Path

WINDOW_BYTES = 1024 * 1024

_PAGE = mmap.ALLOCATIONGRANULARITY


class SegmentWriter:
    """Writes one segment. Raises OSError when the disk has no room; then nothing changed."""

    __slots__ = ("_at", "_end", "_handle", "_map", "_window_bytes", "size")

    def __init__(self, path: Path, window_bytes: int = WINDOW_BYTES) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._window_bytes = window_bytes
        self._map: mmap.mmap | None = None
        self._at = self._end = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        at = self._at
        end = at + len(data)
        if end > self._end or self._map is None:
            self._map = self._move_window(len(data))
            at = self._at
            end = at + len(data)
        self._map[at:end] = data
        self._at = end
        self.size += len(data)

    def close(self) -> None:
        """Cut the file to what was written."""
        if self._map is not None:
            self._map.close()
        os.ftruncate(self._handle, self.size)
        os.close(self._handle)

    def _move_window(self, needed: int) -> mmap.mmap:
        start = self.size - self.size % _PAGE
        length = self.size - start + max(needed, self._window_bytes, 1)
        os.posix_fallocate(self._handle, start, length)
        mapped = mmap.mmap(self._handle, length, offset=start)
        if self._map is not None:
            self._map.close()
        self._at, self._end = self.size - start, length
        return mapped
