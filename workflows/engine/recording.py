"""Writing down how steps have ended."""

from datetime import timedelta
from decimal import Decimal

import orjson

from workflows.actions.outcomes import (
    ApprovalWanted,
    ConsentWanted,
    Done,
    Failed,
    ItemsWanted,
    Outcome,
    Postponed,
    RunWanted,
    Skipped,
    Waiting,
)
from workflows.actions.registry import ACTIONS
from workflows.contents import fingerprint
from workflows.definitions.steps import Retry
from workflows.engine.book import Book, Status
from workflows.engine.claims import Report
from workflows.engine.consent import wait_for_consent
from workflows.limits import (
    MAX_BACKOFF,
    MAX_INTERRUPTIONS,
    MAX_ITEMS,
    USUAL_APPROVAL_TIME,
)
from workflows.models import StepApproval, StepRun
from workflows.models.step import MAIN
from workflows.runs.starting import begin_child_run

_LOOK_AGAIN_S = 30.0
_CUT_OFF = (
    "The worker died while it was doing this step; it is not known whether it was done."
)


def record(book: Book, report: Report) -> None:
    """Write an outcome down, if the claim it was made under still counts."""
    row = find(book, report)
    if row is None:
        return
    outcome = report.outcome
    match outcome:
        case Done():
            book.charge(row, outcome.bill)
            book.seal(row, "output", outcome.output)
            if row.item == MAIN:
                book.outputs[row.step] = outcome.output
            book.change(row, error_code="", error=None)
            book.end(row, Status.COMPLETED, holds=outcome.holds)
        case Skipped():
            book.end(row, Status.SKIPPED)
        case Failed():
            _record_failure(book, row, outcome)
        case Postponed():
            _postpone(book, row, outcome)
        case _:
            _record_wait(book, row, outcome)


def _record_wait(book: Book, row: StepRun, outcome: Outcome) -> None:
    """Write down what has not ended: it waits for a moment, somebody, or others."""
    match outcome:
        case Waiting():
            book.seal(row, "output", outcome.output)
            book.let_go(row, Status.WAITING, outcome.until)
        case ApprovalWanted():
            book.change(row, attempts=row.attempts - 1)
            ask(book, row, outcome.shown, StepApproval.Reason.GATE)
        case ConsentWanted():
            wait_for_consent(book, row, outcome)
        case RunWanted():
            child = begin_child_run(book.run, row, outcome)
            book.let_go(row, Status.WAITING, book.after(_LOOK_AGAIN_S))
            # The other run may spend it, for as long as it runs.
            book.change(row, reserved_usd=outcome.max_cost_usd)
            book.turn.wake.append(child)
        case ItemsWanted():
            _expand(book, row, outcome)


def find(book: Book, report: Report) -> StepRun | None:
    row = next((row for row in book.steps.values() if row.pk == report.id), None)
    if row is None:
        row = (
            StepRun.objects.filter(pk=report.id, run=book.run)
            .defer("input", "output")
            .first()
        )
    if row is None or row.claim != report.claim or row.status != Status.RUNNING:
        return None
    return row


def interrupt(book: Book, row: StepRun) -> None:
    """Go on with a step whose worker has died, as its policy says."""
    step = book.definition_of(row)
    if not ACTIONS[step.action].CALLS_OUT:
        book.change(row, attempts=max(row.attempts - 1, 0))
        book.let_go(row, Status.PENDING, book.now)
    elif step.asks_when_interrupted:
        shown = {"message": _CUT_OFF, "step": step.id}
        ask(book, row, shown, StepApproval.Reason.INTERRUPTED)
    elif row.interruptions >= MAX_INTERRUPTIONS:
        book.fail(
            row,
            "interrupted",
            f"{_CUT_OFF} It had been repeated {MAX_INTERRUPTIONS} times.",
        )
    else:
        book.change(row, interruptions=row.interruptions + 1)
        book.let_go(row, Status.PENDING, book.now)


def ask(book: Book, row: StepRun, shown: object, reason: str) -> None:
    """Let somebody decide whether the step is done."""
    gate = book.definition_of(row).gate
    expires_at = book.now + (USUAL_APPROVAL_TIME if gate is None else gate.time)
    expires_at = min(expires_at, book.run.deadline)
    book.change(row, approval=None)
    book.let_go(row, Status.WAITING_APPROVAL, expires_at)
    approval = StepApproval(
        project_id=row.project_id,
        step=row,
        reason=reason,
        digest=digest_of(shown, row.project_id),
        by_another=gate is not None and gate.by_another,
        expires_at=expires_at,
    )
    approval.put(shown)
    approval.save(force_insert=True)


def digest_of(shown: object, project_id: int) -> str:
    canonical = orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)
    return fingerprint(canonical, project_id, "workflow approval")


def backoff(retry: Retry, failures: int) -> timedelta:
    """Return how long to wait: twice as long after each failure, up to a bound."""
    longest = max(MAX_BACKOFF, retry.delay)
    return min(retry.delay * int(2 ** min(failures - 1, 20)), longest)


def _record_failure(book: Book, row: StepRun, failed: Failed) -> None:
    book.charge(row, failed.bill)
    retry = book.definition_of(row).retry
    failures = row.attempts - row.interruptions
    if not failed.may_retry or failures >= retry.max_attempts:
        book.fail(row, failed.code, failed.message)
        return
    book.change(row, error_code=failed.code[:64])
    book.seal(row, "error", failed.message[:2_000])
    wait = max(backoff(retry, failures).total_seconds(), failed.retry_after_s)
    book.let_go(row, Status.PENDING, book.after(wait))


def _postpone(book: Book, row: StepRun, outcome: Postponed) -> None:
    """Try again shortly, but not for longer than the step may take."""
    step = book.definition_of(row)
    since = row.started_at or book.now
    if book.now - since > step.time:
        book.fail(row, "rate_limit_exceeded", f"No room in time: {outcome.why}")
        return
    book.change(row, attempts=row.attempts - 1)
    book.let_go(row, Status.PENDING, book.after(outcome.seconds))


def _expand(book: Book, row: StepRun, outcome: ItemsWanted) -> None:
    items = outcome.items
    if len(items) > MAX_ITEMS:
        msg = f"There are {len(items)} items, and may be {MAX_ITEMS}."
        book.fail(row, "too_many_items", msg)
        return
    if not items:
        book.seal(row, "output", [])
        book.end(row, Status.COMPLETED)
        return
    action = book.flow.definition.steps[row.step].input["step"]["action"]
    children = [
        StepRun(
            project_id=row.project_id,
            run=book.run,
            step=row.step,
            item=at,
            action=action,
            status=Status.PENDING,
            cost_usd=Decimal(0),
        )
        for at in range(len(items))
    ]
    for at, (child, item) in enumerate(zip(children, items, strict=True)):
        child.put("input", {"item": item, "index": at})
    StepRun.objects.bulk_create(children)
    book.seal(row, "input", {"atOnce": outcome.at_once, "goesOn": outcome.goes_on})
    book.let_go(row, Status.WAITING)
