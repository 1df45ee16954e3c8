"""The rows of one run while they are being changed, under the lock of the run's row."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from gateway.telemetry.telling import EndedRun
from workflows.actions.outcomes import Bill
from workflows.definitions.flow import Flow, Verdict
from workflows.definitions.steps import Step
from workflows.engine.claims import Turn
from workflows.models import StepApproval, StepRun, WorkflowRun
from workflows.models.step import MAIN

Status = StepRun.Status

OPEN = (
    Status.PENDING.value,
    Status.RUNNING.value,
    Status.WAITING.value,
    Status.WAITING_APPROVAL.value,
)
_CONTENTS = ("input", "output", "error")


class Book:
    """A run, its steps by id, and what has been changed of them."""

    def __init__(self, run: WorkflowRun, flow: Flow) -> None:
        self.run = run
        self.flow = flow
        self.now: datetime = timezone.now()
        self.turn = Turn()
        found = StepRun.objects.filter(run=run, item=MAIN).defer(*_CONTENTS)
        self.steps: dict[str, StepRun] = {row.step: row for row in found}
        self._fresh: list[StepRun] = []
        self._changed: dict[UUID, tuple[StepRun, set[str]]] = {}
        # What steps have given that ended in this turn.
        self.outputs: dict[str, Any] = {}
        self.has_changed = False
        # More could begin than the worker has room for.
        self.is_cramped = False

    def verdicts(self) -> dict[str, Verdict]:
        return {
            name: found
            for name, row in self.steps.items()
            if (found := _verdict(row)) is not None
        }

    def definition_of(self, row: StepRun) -> Step:
        """Return the step as it was written; of an element, the one that is repeated."""
        step = self.flow.definition.steps[row.step]
        return step if row.item == MAIN else repeated(step)

    def has_items(self) -> bool:
        """Say whether any step has elements, which are rows of their own."""
        return any(row.action == "foreach" for row in self.steps.values())

    def begin(self, step: Step, status: str = Status.PENDING) -> StepRun:
        """Add the row of a step that nothing had been decided about."""
        row = StepRun(
            project_id=self.run.project_id,
            run=self.run,
            step=step.id,
            action=step.action,
            status=status,
            created_at=self.now,
        )
        if status == Status.SKIPPED:
            row.ended_at = self.now
        self.steps[step.id] = row
        self._fresh.append(row)
        self.has_changed = True
        return row

    def change(self, row: StepRun, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(row, name, value)
        self._mark(row, fields)

    def seal(self, row: StepRun, field: str, value: Any) -> None:
        row.put(field, value)
        self._mark(row, [field])

    def let_go(self, row: StepRun, status: str, due_at: datetime | None = None) -> None:
        """Take the step from who does it, to go on with it later."""
        self.change(
            row,
            status=status,
            due_at=due_at,
            claim=None,
            lease_until=None,
            reserved_usd=None,
        )

    def end(self, row: StepRun, status: str, *, holds: bool = True) -> None:
        self.let_go(row, status)
        self.change(row, ended_at=self.now, holds=holds)

    def fail(self, row: StepRun, code: str, message: str) -> None:
        self.change(row, error_code=code[:64])
        self.seal(row, "error", message[:2_000])
        self.end(row, Status.FAILED)

    def charge(self, row: StepRun, bill: Bill) -> None:
        """Add what an attempt used to its step and to the run."""
        cost = bill.cost_usd
        spent = row.cost_usd
        self.change(
            row, cost_usd=None if cost is None or spent is None else spent + cost
        )
        self.run.total_cost_usd += cost or Decimal(0)
        if bill.provider:
            self.change(row, provider=bill.provider[:63], model=bill.model[:200])
        if bill.request_id:
            self.change(row, request_id=bill.request_id[:64])

    def end_run(self, status: str, code: str = "", step: str = "") -> None:
        """End the run and everything of it that is still open."""
        run = self.run
        run.status, run.ended_at, run.wake_at = status, self.now, None
        run.error_code, run.error_step = code, step
        self.turn.is_over = True
        self.turn.ended = EndedRun(
            run.pk, run.name, status, code, run.started_at or run.created_at, self.now
        )
        self.has_changed = True
        self._cancel(row for row in self.steps.values() if row.status in OPEN)
        children = StepRun.objects.filter(run=run, item__gt=MAIN, status__in=OPEN)
        children.update(
            status=Status.CANCELLED, claim=None, lease_until=None, ended_at=self.now
        )
        StepApproval.objects.filter(
            step__run=run, state=StepApproval.State.PENDING
        ).update(state=StepApproval.State.VOID, decided_at=self.now)
        self.turn.cancel += WorkflowRun.objects.filter(
            parent_step__run=run, ended_at=None
        ).values_list("pk", flat=True)
        if run.parent_step_id is not None:
            self.turn.wake += StepRun.objects.filter(pk=run.parent_step_id).values_list(
                "run_id", flat=True
            )

    def save_items(self) -> None:
        """Write the elements of foreach steps, which are counted in the database."""
        for pk, (row, names) in list(self._changed.items()):
            if row.item != MAIN:
                row.save(update_fields=names)
                del self._changed[pk]

    def save(self) -> None:
        StepRun.objects.bulk_create(self._fresh)
        fresh = {row.pk for row in self._fresh}
        for row, names in self._changed.values():
            if row.pk not in fresh:
                row.save(update_fields=names)
        if self.has_changed:
            self.run.revision += 1
        self.run.save(
            update_fields=[
                "status",
                "started_at",
                "ended_at",
                "wake_at",
                "error_code",
                "error_step",
                "total_cost_usd",
                "revision",
            ]
        )

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def _cancel(self, rows: Iterable[StepRun]) -> None:
        for row in list(rows):
            self.end(row, Status.CANCELLED)

    def _mark(self, row: StepRun, names: Iterable[str]) -> None:
        self.has_changed = True
        self._changed.setdefault(row.pk, (row, set()))[1].update(names)


def repeated(step: Step) -> Step:
    """Return the step that a foreach does for each element."""
    said = step.input["step"]
    return Step(
        id=step.id,
        action=said["action"],
        provider=said.get("provider", ""),
        model=said.get("model", ""),
        input=said.get("input", {}),
        retry=step.retry,
        max_cost_usd=step.max_cost_usd,
        time=step.time,
        asks_when_interrupted=step.asks_when_interrupted,
    )


def _verdict(row: StepRun) -> Verdict | None:
    match row.status:
        case Status.COMPLETED:
            return Verdict.WELL if row.holds else Verdict.NOT
        case Status.FAILED | Status.CANCELLED:
            return Verdict.FAILED
        case Status.SKIPPED:
            return Verdict.SKIPPED
    return None
