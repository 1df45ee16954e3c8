"""Steps that wait: for a moment, a decision, their elements, or another run."""

from collections.abc import Iterable

from workflows.engine.book import Book, Status
from workflows.engine.consent import look_at_consent
from workflows.engine.items import asking_items, look_at_items
from workflows.models import StepApproval, StepRun, WorkflowRun
from workflows.runs.outcome import output_of

_RunStatus = WorkflowRun.Status
_LOOK_AGAIN_S = 30.0


def look_at_the_waiting(book: Book) -> None:
    """Go on with what need not wait any more."""
    rows = list(book.steps.values())
    _look_at_asking(
        [row for row in rows if row.status == Status.WAITING_APPROVAL], book
    )
    for row in rows:
        if row.status != Status.WAITING:
            continue
        if row.action == "foreach":
            if asking := asking_items(book, row):
                _look_at_asking(asking, book)
                book.save_items()
            look_at_items(book, row)
        elif row.action == "workflow":
            _look_at_child(book, row)
        elif row.due_at is not None and row.due_at <= book.now:
            book.end(row, Status.COMPLETED)


def _look_at_asking(rows: Iterable[StepRun], book: Book) -> None:
    look_at_consent(book, rows)
    for row in rows:
        is_due = row.due_at is not None and row.due_at <= book.now
        if row.status == Status.WAITING_APPROVAL and row.approval_id is None and is_due:
            StepApproval.objects.filter(
                step=row, state=StepApproval.State.PENDING
            ).update(state=StepApproval.State.EXPIRED, decided_at=book.now)
            book.fail(row, "approval_expired", "Nobody decided in time.")


def _look_at_child(book: Book, row: StepRun) -> None:
    child = WorkflowRun.objects.filter(parent_step=row).order_by("-id").first()
    if child is None:
        book.fail(row, "workflow_failed", "The other run is gone.")
    elif child.is_active:
        if row.due_at is None or row.due_at <= book.now:
            book.change(row, due_at=book.after(_LOOK_AGAIN_S))
    else:
        book.change(row, cost_usd=child.total_cost_usd)
        book.run.total_cost_usd += child.total_cost_usd
        if child.status == _RunStatus.COMPLETED:
            book.seal(row, "output", output_of(child))
            book.end(row, Status.COMPLETED)
        else:
            where = f" at {child.error_step!r}" if child.error_step else ""
            msg = f"Run {child.pk} is {child.status}: {child.error_code}{where}."
            book.fail(row, "workflow_failed", msg)
