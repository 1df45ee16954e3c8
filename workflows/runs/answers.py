"""Runs, steps and workflows as the API tells them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from workflows.models import StepApproval, StepRun, WorkflowRun, WorkflowVersion
from workflows.models.step import MAIN
from workflows.runs.deciding import pending_approvals

JSON = dict[str, Any]

# Of outputs in one answer; those beyond are asked for one by one.
MAX_OUTPUTS_BYTES = 8 * 1024 * 1024
_WENT_WRONG = (WorkflowRun.Status.FAILED, WorkflowRun.Status.CANCELLED)
_SMALL = (
    "id",
    "project_id",
    "step",
    "action",
    "status",
    "holds",
    "attempts",
    "error_code",
    "error",
    "cost_usd",
    "provider",
    "model",
    "started_at",
    "ended_at",
)


def run_with_steps(run: WorkflowRun) -> JSON:
    """Return a run with all its steps, those to come included, and their outputs."""
    rows = {
        row.step: row
        for row in StepRun.objects.filter(run=run, item=MAIN).only(*_SMALL, "output")
    }
    approvals = {each.step_id: each for each in pending_approvals(run)}
    left = MAX_OUTPUTS_BYTES
    steps = []
    for step in run.version.flow().definition.steps.values():
        row = rows.get(step.id)
        if row is None:
            steps.append(_step_to_come(step.id))
            continue
        told = step_small(row)
        left -= len(row.output or b"")
        if left >= 0 or row.output is None:
            told["output"] = shown_output(row)
        else:
            told["outputOmitted"] = True
        if (approval := approvals.get(row.pk)) is not None:
            told["approval"] = _approval(approval)
        steps.append(told)
    return {**run_summary(run), "steps": steps}


def run_summary(run: WorkflowRun) -> JSON:
    told: JSON = {
        "success": run.status not in _WENT_WRONG,
        "runId": str(run.pk),
        "id": str(run.pk),
        "workflowId": None if run.workflow_id is None else str(run.workflow_id),
        "name": run.name,
        "version": run.version.number,
        "status": run.status,
        "trigger": run.trigger,
        "userId": run.end_user or None,
        "totalCostUSD": float(run.total_cost_usd),
        "totalLatencyMs": latency_ms(run),
        "createdAt": moment(run.created_at),
        "startedAt": moment(run.started_at),
        "endedAt": moment(run.ended_at),
    }
    if run.error_code:
        told["error"] = {
            "code": run.error_code,
            "message": _why(run),
            "step": run.error_step or None,
        }
    return told


def latency_ms(run: WorkflowRun) -> int:
    since = run.created_at
    return round(((run.ended_at or timezone.now()) - since).total_seconds() * 1000)


def step_small(row: StepRun) -> JSON:
    """Return a step without its output."""
    error = None
    if row.error_code:
        error = {"code": row.error_code, "message": row.read("error") or ""}
    return {
        "id": row.step,
        "action": row.action,
        "status": _status(row),
        "output": None,
        "error": error,
        "attempts": row.attempts,
        "costUSD": _usd(row.cost_usd),
        "latencyMs": row.latency_ms,
        "provider": row.provider or None,
        "model": row.model or None,
    }


def workflow_summary(version: WorkflowVersion) -> JSON:
    workflow = version.workflow
    assert workflow is not None  # noqa: S101  # Only stored versions are told.
    return {
        "id": str(workflow.pk),
        "workflowId": str(workflow.pk),
        "name": workflow.name,
        "version": version.number,
        "status": version.status,
        "steps": version.step_count,
        "createdAt": moment(workflow.created_at),
        "updatedAt": moment(version.created_at),
    }


def moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _why(run: WorkflowRun) -> str:
    match run.error_code:
        case "cancelled":
            return "The run was cancelled."
        case "run_timed_out":
            return "The run took longer than it may."
    row = StepRun.objects.filter(run=run, step=run.error_step, item=MAIN).first()
    message = "" if row is None else row.read("error")
    return f"Step {run.error_step!r} failed: {message}"


def shown_output(row: StepRun) -> Any:
    """Return the output of a step that has ended; what a wait will give is no output yet."""
    return row.read("output") if row.status == StepRun.Status.COMPLETED else None


def _status(row: StepRun) -> str:
    """Say `running` of a step that was begun and waits for its next attempt."""
    if row.status == StepRun.Status.PENDING and row.attempts:
        return str(StepRun.Status.RUNNING.value)
    return str(row.status)


def _step_to_come(step_id: str) -> JSON:
    return {
        "id": step_id,
        "status": "pending",
        "output": None,
        "error": None,
        "attempts": 0,
        "costUSD": 0.0,
        "latencyMs": None,
        "provider": None,
        "model": None,
    }


def _approval(approval: StepApproval) -> JSON:
    return {
        "reason": approval.reason,
        "shown": approval.read(),
        "digest": approval.digest,
        "byAnother": approval.by_another,
        "expiresAt": moment(approval.expires_at),
    }


def _usd(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
