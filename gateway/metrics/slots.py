"""Where processes leave their figures, so that a scrape of one tells of all of them.

A process holds a numbered slot, by a lock that the kernel gives back when it dies.
Who takes the slot next goes on from the counters in it, so that a restart sets
nothing back.
"""

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.metrics.figures import Figures, added

# Figures this old are of a process that is not there any more, or hangs.
GONE_SECONDS = 10.0

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Figures).decode


class Slot:
    """The slot of this process; `close` gives it up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.number, self._lock = _take_first_free(folder)
        self._path = _path_of(folder, self.number)
        self._before = added(filter(None, [_read(self._path)]))

    def write(self, figures: Figures) -> None:
        """Leave figures for the others, on top of what the slot held before.

        Raises OSError when the disk does not take them.
        """
        total = added([self._before, figures])
        data = _encode(msgspec.structs.replace(total, gauges=figures.gauges))
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(self._path)

    def everybody(self) -> dict[int, Figures]:
        """Return the figures of all slots, by number."""
        return figures_in(self.folder)

    def close(self) -> None:
        os.close(self._lock)


def figures_in(folder: Path) -> dict[int, Figures]:
    """Return the figures of all slots of a folder, by number."""
    return dict(sorted(_read_all(folder)))


def _take_first_free(folder: Path) -> tuple[int, int]:
    for number in itertools.count(1):
        lock = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return number, lock
    raise AssertionError


def _path_of(folder: Path, number: int) -> Path:
    return folder / f"{number}.json"


def _read_all(folder: Path) -> Iterator[tuple[int, Figures]]:
    for path in folder.glob("*.json"):
        if path.stem.isdecimal() and (figures := _read(path)) is not None:
            yield int(path.stem), figures


def _read(path: Path) -> Figures | None:
    """Return what the file holds; None when it is not there or of another release."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return _decode(path.read_bytes())
    return None
