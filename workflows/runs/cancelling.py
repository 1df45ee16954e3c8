"""Ending a run that is no longer wanted."""

from uuid import UUID

from django.db import transaction

from workflows.engine.book import Book
from workflows.models import WorkflowRun


def cancel_run(run_id: UUID) -> list[UUID]:
    """Cancel a run and all that it began; one that has ended stays as it is.

    Returns the runs that somebody should be woken for.
    """
    changed: list[UUID] = []
    waiting = [run_id]
    while waiting:
        current = waiting.pop()
        with transaction.atomic():
            run = (
                WorkflowRun.objects.select_for_update(of=("self",))
                .select_related("version")
                .filter(pk=current)
                .first()
            )
            if run is None or not run.is_active:
                continue
            book = Book(run, run.version.flow())
            book.end_run(WorkflowRun.Status.CANCELLED, "cancelled")
            book.save()
        changed += [current, *book.turn.wake]
        waiting += book.turn.cancel
    return changed
