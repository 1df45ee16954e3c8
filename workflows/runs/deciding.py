"""Approving and rejecting: exactly one of all who decide at the same time does."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from workflows.engine.book import Book, Status
from workflows.models import StepApproval, StepRun, WorkflowRun
from workflows.models.step import MAIN

_State = StepApproval.State


class NotDecided(Exception):
    """The decision does not count; the message says why, `status` how to tell it."""

    def __init__(self, message: str, status: int = 409, code: str = "conflict") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Decision:
    """`digest` is that of what the decider was shown, if they say so."""

    approves: bool
    by: str
    step: str = ""
    digest: str = ""
    reason: str = ""


def decide(run_id: UUID, project_id: int, decision: Decision) -> None:
    """Decide about the step of a run that waits for it. Raises `NotDecided`.

    Whoever calls wakes a worker afterwards: `workflows.waking.wake([run_id])`.
    """
    with transaction.atomic():
        run = (
            WorkflowRun.objects.select_for_update(of=("self",))
            .select_related("version")
            .filter(pk=run_id, project_id=project_id)
            .first()
        )
        if run is None:
            raise NotDecided("There is no such run.", 404, "not_found")
        approval = _approval_of(run, decision)
        _check(run, approval, decision)
        state = _State.APPROVED if decision.approves else _State.REJECTED
        won = StepApproval.objects.filter(
            pk=approval.pk, state=_State.PENDING, digest=approval.digest
        ).update(state=state, decided_by=decision.by[:200], decided_at=timezone.now())
        if not won:
            raise NotDecided("Somebody else has decided already.")
        _apply(run, approval, decision)


def pending_approvals(run: WorkflowRun) -> QuerySet[StepApproval]:
    return (
        StepApproval.objects.filter(step__run=run, state=_State.PENDING)
        .select_related("step")
        .order_by("id")
    )


def _approval_of(run: WorkflowRun, decision: Decision) -> StepApproval:
    waiting = pending_approvals(run)
    if decision.step:
        waiting = waiting.filter(step__step=decision.step)
    found = list(waiting[:2])
    if not found:
        raise NotDecided("Nothing of this run waits for a decision any more.")
    if len(found) > 1:
        msg = "Several steps wait for a decision; name one as 'step'."
        raise NotDecided(msg, 400, "invalid_request")
    return found[0]


def _check(run: WorkflowRun, approval: StepApproval, decision: Decision) -> None:
    if approval.expires_at <= timezone.now():
        raise NotDecided("The time to decide is over.")
    if decision.digest and decision.digest != approval.digest:
        msg = "What was shown is not what waits now; look at the run again."
        raise NotDecided(msg)
    if not approval.by_another:
        return
    if not decision.by:
        msg = "This step has to be approved by another; say who decides as 'userId'."
        raise NotDecided(msg, 400, "invalid_request")
    if decision.by == run.end_user:
        msg = "Whoever started the run may not decide about it."
        raise NotDecided(msg, 403, "permission_denied")


def _apply(run: WorkflowRun, approval: StepApproval, decision: Decision) -> None:
    book = Book(run, run.version.flow())
    row: StepRun = approval.step
    if row.item == MAIN:
        row = book.steps[row.step]
    if decision.approves:
        book.let_go(row, Status.PENDING, book.now)
    else:
        by = f" by {decision.by}" if decision.by else ""
        why = f": {decision.reason}" if decision.reason else "."
        book.fail(row, "rejected", f"It was rejected{by}{why}")
    run.wake_at = book.now
    book.save()
