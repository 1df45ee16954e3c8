"""Telling a worker that a run has something to do. A lost message costs seconds, no run."""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from kombu.exceptions import OperationalError

from workflows.engine.own_workshop import open_workshop
from workflows.tasks import wake_run

logger = logging.getLogger(__name__)

# Messages are sent beside: the broker may be slow, or away.
_sender = ThreadPoolExecutor(1, thread_name_prefix="waking")
_places = threading.BoundedSemaphore(1_000)


def wake(run_ids: Iterable[UUID]) -> None:
    """Have runs looked at: here, when this process works on runs, else by a worker."""
    here = open_workshop()
    for run_id in run_ids:
        if here is not None:
            here.wake(run_id)
        elif _places.acquire(blocking=False):
            _sender.submit(_send, str(run_id))


def _send(run_id: str) -> None:
    try:
        wake_run.apply_async((run_id,), retry=False, expires=600)
    except (OperationalError, OSError) as error:
        logger.info("nobody woken", extra={"run": run_id, "reason": str(error)[:200]})
    finally:
        _places.release()
