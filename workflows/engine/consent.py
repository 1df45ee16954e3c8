"""Steps that wait until the project's own people agree to what a request may cost.

They decide where they decide about all dear requests: in the admin or by the control API.
A project key cannot, for it would set aside the bound that holds for it.
"""

from collections.abc import Iterable
from uuid import UUID

from tenants.approvals import state_at
from tenants.models import Approval
from workflows.actions.outcomes import ConsentWanted
from workflows.engine.book import Book, Status
from workflows.models import ACTIVE, StepRun

_State = Approval.State
_OVER = (_State.APPROVED, _State.USED, _State.REJECTED, _State.EXPIRED)
_WHY = {
    _State.REJECTED: "The request was rejected.",
    _State.EXPIRED: "Nobody decided about the request in time.",
}


def wait_for_consent(book: Book, row: StepRun, wanted: ConsentWanted) -> None:
    """Let the step wait; that it was asked about is no attempt."""
    approval = Approval.objects.filter(
        pk=wanted.approval_id, project_id=row.project_id
    ).first()
    was_sent = row.approval_id == wanted.approval_id
    if approval is None or (was_sent and approval.state == _State.APPROVED):
        book.fail(row, "approval_required", wanted.message)
        return
    book.change(row, attempts=row.attempts - 1, approval=approval)
    book.let_go(row, Status.WAITING_APPROVAL, approval.expires_at)


def look_at_consent(book: Book, rows: Iterable[StepRun]) -> None:
    """Go on with those of the steps that something was decided about."""
    waiting = [row for row in rows if row.approval_id is not None]
    if not waiting:
        return
    found = Approval.objects.in_bulk([row.approval_id for row in waiting])
    for row in waiting:
        approval = found.get(row.approval_id)
        state = _State.REJECTED if approval is None else state_at(approval, book.now)
        if state in _WHY:
            book.fail(row, f"approval_{state}", _WHY[_State(state)])
        elif state != _State.PENDING:
            # Another step may have taken it; then this one asks once more.
            book.let_go(row, Status.PENDING, book.now)


def runs_decided(at_most: int) -> list[UUID]:
    """Return runs of which a step waits though the decision is there."""
    return list(
        StepRun.objects.filter(
            status=Status.WAITING_APPROVAL,
            approval__state__in=_OVER,
            run__status__in=ACTIVE,
        )
        .values_list("run_id", flat=True)
        .order_by()
        .distinct()[:at_most]
    )
