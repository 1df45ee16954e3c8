"""One look at a run: what has ended is written down, what follows is begun.

Everything happens in one transaction under the lock of the run's row, so that workers may
look at the same run at the same time, or twice, or late, without harm.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from django.db.models import Q

from workflows.actions.task import RunFacts
from workflows.definitions.paths import INPUT
from workflows.engine.book import OPEN, Book, Status
from workflows.engine.claims import LEASE, Approved, Claimed, Report, Turn
from workflows.engine.items import claimable_items, items_before
from workflows.engine.recording import interrupt, record
from workflows.engine.waiting import look_at_the_waiting
from workflows.models import StepApproval, StepRun, WorkflowRun
from workflows.models.step import MAIN
from workflows.runs.inputs import input_of

_RunStatus = WorkflowRun.Status
_LOOK_AGAIN_SOON_S = 1.0


def take_turn(
    run_id: UUID,
    reports: Sequence[Report],
    held: Collection[UUID],
    room: int,
) -> Turn:
    """Look at a run and claim at most `room` of its steps.

    `held` are the claims that the caller still works on.
    """
    run = (
        WorkflowRun.objects.select_for_update(of=("self",))
        .select_related("version", "api_key")
        .defer("version__sealed", "input")
        .filter(pk=run_id)
        .first()
    )
    if run is None or not run.is_active:
        return Turn(is_over=True)
    book = Book(run, run.version.flow())
    if run.started_at is None:
        run.started_at = book.now
    for report in reports:
        record(book, report)
    if run.deadline <= book.now:
        book.end_run(_RunStatus.FAILED, "run_timed_out")
    else:
        _take_back_the_lost(book, held)
        book.save_items()
        look_at_the_waiting(book)
        _follow(book)
    if not book.turn.is_over:
        rows = _claim(book, room)
        _set_status(book)
        book.save()
        book.turn.claimed = _handed_out(book, rows)
        book.turn.live = _live(book)
    else:
        book.save()
    return book.turn


def _live(book: Book) -> set[UUID]:
    """Return the claims on steps of the run that are good now."""
    live = {
        row.claim
        for row in book.steps.values()
        if row.status == Status.RUNNING and row.claim is not None
    }
    if book.has_items():
        live.update(
            StepRun.objects.filter(
                run=book.run, item__gt=MAIN, status=Status.RUNNING
            ).values_list("claim", flat=True)
        )
    return live


def _take_back_the_lost(book: Book, held: Collection[UUID]) -> None:
    lost = [
        row
        for row in book.steps.values()
        if row.status == Status.RUNNING and _is_lost(row, book.now, held)
    ]
    if book.has_items():
        lost += [
            row
            for row in StepRun.objects.filter(
                run=book.run,
                item__gt=MAIN,
                status=Status.RUNNING,
                lease_until__lt=book.now,
            ).defer("input", "output")
            if _is_lost(row, book.now, held)
        ]
    for row in lost:
        interrupt(book, row)


def _is_lost(row: StepRun, now: datetime, held: Collection[UUID]) -> bool:
    return (row.lease_until is None or row.lease_until < now) and row.claim not in held


def _follow(book: Book) -> None:
    """Decide on the steps that nothing was decided about, until nothing changes."""
    verdicts = book.verdicts()
    for name, row in book.steps.items():
        if row.status == Status.FAILED and not book.flow.is_handled(name):
            book.end_run(_RunStatus.FAILED, row.error_code, name)
            return
    begun = {name for name in book.steps if name not in verdicts}
    decision = book.flow.decide(verdicts, begun)
    for name in decision.skip:
        book.begin(book.flow.definition.steps[name], Status.SKIPPED)
    for name in decision.begin:
        book.begin(book.flow.definition.steps[name])
    if len(book.steps) == len(book.flow.definition.steps) and not any(
        row.status in OPEN for row in book.steps.values()
    ):
        book.end_run(_RunStatus.COMPLETED)


def _claim(book: Book, room: int) -> list[StepRun]:
    """Take what may begin now. Returns the rows, each claimed."""
    rows = [
        row
        for row in book.steps.values()
        if row.status == Status.PENDING
        and (row.due_at is None or row.due_at <= book.now)
    ]
    for row in book.steps.values():
        if row.action == "foreach" and row.status == Status.WAITING:
            rows += claimable_items(book, row)
    book.is_cramped = len(rows) > room
    rows = rows[: max(room, 0)]
    for row in rows:
        book.change(
            row,
            status=Status.RUNNING,
            claim=uuid4(),
            lease_until=book.now + LEASE,
            due_at=None,
            attempts=row.attempts + 1,
            started_at=row.started_at or book.now,
        )
    return rows


def _set_status(book: Book) -> None:
    """Say how the run stands, and when to look at it again."""
    run = book.run
    statuses = {row.status for row in book.steps.values() if row.status in OPEN}
    status = (
        _RunStatus.WAITING_APPROVAL
        if statuses == {Status.WAITING_APPROVAL}
        else _RunStatus.RUNNING
    )
    if status != run.status:
        run.status = status
        book.has_changed = True
    moments = [run.deadline]
    if book.is_cramped:
        moments.append(book.after(_LOOK_AGAIN_SOON_S))
    for row in book.steps.values():
        if row.status in OPEN and row.due_at is not None:
            moments.append(row.due_at)
        if row.action == "foreach" and row.status == Status.WAITING:
            moments += items_before(book, row)
    run.wake_at = book.turn.next_at = min(moments)


def _handed_out(book: Book, rows: Sequence[StepRun]) -> list[Claimed]:
    """Return what the worker needs to do these steps, outputs of others included."""
    if not rows:
        return []
    run, definition = book.run, book.flow.definition
    steps = {row.pk: book.definition_of(row) for row in rows}
    claims = {row.pk: row.claim for row in rows if row.claim is not None}
    named = {path[0] for step in steps.values() for path in step.paths()}
    # Of what was left out, or failed, the output is null.
    values = dict.fromkeys(named & definition.steps.keys()) | _outputs(book, named)
    values = {name: {"output": output} for name, output in values.items()}
    if INPUT in named:
        values[INPUT] = input_of(run)
    facts = RunFacts(
        run.pk,
        run.project_id,
        run.name,
        run.end_user,
        run.depth,
        definition.strict_providers,
    )
    key_id = ""
    if run.has_key:
        key_id = run.api_key.key_id if run.api_key is not None else "deleted"
    approved = _approvals([row for row in rows if steps[row.pk].gate is not None])
    return [
        Claimed(
            row.pk,
            claims[row.pk],
            steps[row.pk],
            values if row.item == MAIN else {**values, **row.read("input")},
            facts,
            run.deadline,
            key_id,
            approved.get(row.pk),
            run.max_cost_usd is not None or steps[row.pk].max_cost_usd is not None,
            row.approval_id,
        )
        for row in rows
    ]


def _outputs(book: Book, names: set[str]) -> dict[str, object]:
    """Return outputs by step; what was only just written down is not read again."""
    known = {name: book.outputs[name] for name in names & book.outputs.keys()}
    others = names & book.steps.keys() - known.keys()
    if not others:
        return known
    found = StepRun.objects.filter(
        run=book.run, item=MAIN, step__in=others, status=Status.COMPLETED
    ).only("id", "project_id", "step", "output")
    return known | {row.step: row.read("output") for row in found}


def _approvals(rows: Sequence[StepRun]) -> dict[UUID, Approved]:
    if not rows:
        return {}
    found = StepApproval.objects.filter(
        Q(state=StepApproval.State.APPROVED),
        reason=StepApproval.Reason.GATE,
        step__in=rows,
    )
    return {
        each.step_id: Approved(each.digest, each.decided_by)
        for each in found.order_by("id")
    }
