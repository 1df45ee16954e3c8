"""Telling a worker that a run has something to do. A lost message costs seconds, no run."""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from kombu.exceptions import OperationalError

from workflows.engine.workshop import Workshop

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_workshop: Workshop | None = None
# Messages are sent beside: the broker may be slow, or away.
_sender = ThreadPoolExecutor(1, thread_name_prefix="waking")
_places = threading.BoundedSemaphore(1_000)


def wake(run_ids: Iterable[UUID]) -> None:
    """Have runs looked at: here, when this process works on runs, else by a worker."""
    for run_id in run_ids:
        if _workshop is not None:
            _workshop.wake(run_id)
        elif _places.acquire(blocking=False):
            _sender.submit(_send, str(run_id))


def workshop() -> Workshop:
    """Return the workshop of this process, which opens when it is first needed."""
    global _workshop
    with _lock:
        if _workshop is None:
            opened = Workshop()
            opened.start()
            _workshop = opened
        return _workshop


def close_workshop(drain_s: float = 10.0) -> None:
    global _workshop
    with _lock:
        if _workshop is not None:
            _workshop.stop(drain_s)
            _workshop = None


def _send(run_id: str) -> None:
    # Tasks import this module.
    from workflows.tasks import wake_run

    try:
        wake_run.apply_async((run_id,), retry=False, expires=600)
    except (OperationalError, OSError) as error:
        logger.info("nobody woken", extra={"run": run_id, "reason": str(error)[:200]})
    finally:
        _places.release()
