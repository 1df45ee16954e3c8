"""What Celery does for workflows. Each task may run twice, or late, or never."""

import contextlib
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown
from django.db import DatabaseError, connection

from workflows import retention
from workflows.engine.due import runs_due
from workflows.engine.own_workshop import close_workshop, workshop
from workflows.models import ACTIVE, WorkflowRun
from workflows.runs import scheduled

_AT_ONCE = 500


@shared_task(name="workflows.wake_run", ignore_result=True)
def wake_run(run_id: str) -> None:
    """Have a run looked at in this process; does not wait for it."""
    workshop().wake(UUID(run_id))


@shared_task(name="workflows.wake_due_runs", ignore_result=True)
def wake_due_runs() -> None:
    """Find what is due in the database: no message need have arrived."""
    if due := runs_due(_AT_ONCE):
        here = workshop()
        for run_id in due:
            here.wake(run_id)


@shared_task(name="workflows.begin_scheduled_runs", ignore_result=True)
def begin_scheduled_runs() -> None:
    """Make the runs that schedules are due for, and look at them."""
    if begun := scheduled.begin_due(_AT_ONCE):
        here = workshop()
        for run_id in begun:
            here.wake(run_id)


@shared_task(name="workflows.remove_old_runs", ignore_result=True)
def remove_old_runs() -> None:
    retention.remove_old()


@worker_ready.connect
def _look_at_once(**_: Any) -> None:
    """Go on with what another worker may have left; nobody need send a message."""
    with contextlib.suppress(DatabaseError):
        if WorkflowRun.objects.filter(status__in=ACTIVE).exists():
            workshop()
    connection.close()


@worker_shutdown.connect
def _close(**_: Any) -> None:
    close_workshop()
