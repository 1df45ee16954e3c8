"""The workshop of this process, where it works on runs."""

import threading

from workflows.engine.workshop import Workshop

_lock = threading.Lock()
_workshop: Workshop | None = None


def workshop() -> Workshop:
    """Return the workshop of this process, which opens when it is first needed."""
    global _workshop
    with _lock:
        if _workshop is None:
            opened = Workshop()
            opened.start()
            _workshop = opened
        return _workshop


def open_workshop() -> Workshop | None:
    """Return it if it is open."""
    return _workshop


def close_workshop(drain_s: float = 10.0) -> None:
    global _workshop
    with _lock:
        if _workshop is not None:
            _workshop.stop(drain_s)
            _workshop = None
