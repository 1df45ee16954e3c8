"""How a run stands, as its page shows it: picture, timeline, and what can be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from tenants.access import access_to, changes
from tenants.models import Approval
from tenants.roles import reach_for
from usage.models import CapturedText, CaptureView
from workflows.admin.definition_form import readable
from workflows.admin.drawing import Mark, draw
from workflows.models import StepApproval, StepRun, WorkflowRun
from workflows.models.step import MAIN
from workflows.runs.deciding import pending_approvals

COLOURS = {
    "queued": "info",
    "running": "info",
    "waiting": "info",
    "waiting_approval": "warning",
    "completed": "success",
    "failed": "danger",
    "cancelled": "warning",
    "skipped": "",
    "pending": "",
}
_MAX_SHOWN = 100_000
_WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the timeline: `begin` and `length` in hundredths of the run."""

    row: StepRun
    colour: str
    begin: float
    length: float
    error: str


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody has to decide about. `digest` is that of what is shown."""

    step: str
    kind: str
    text: str
    shown: str
    digest: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What a step was given and gave, to be read by who may."""

    step: str
    text: str


def progress_of(request: HttpRequest, run: WorkflowRun) -> dict[str, Any]:
    """Return what the part of the page needs that changes while the run goes on."""
    rows = list(
        StepRun.objects.filter(run=run, item=MAIN)
        .defer("input", "output")
        .order_by("created_at", "id")
    )
    may_decide = changes(reach_for(request), run)
    return {
        "run": run,
        "colour": COLOURS[run.status],
        "latency_s": (
            (run.ended_at or timezone.now()) - run.created_at
        ).total_seconds(),
        "drawing": _drawing(run, rows),
        "lines": _timeline(run, rows, tells_errors=may_decide),
        "may_decide": may_decide,
        "questions": _questions(run, rows) if may_decide else [],
        "retry_steps": [] if run.is_active else list(run.version.flow().graph.steps),
    }


def may_read(request: HttpRequest, run: WorkflowRun) -> str:
    """Return why what the run said is not shown to who asks; nothing: it is."""
    access = access_to(CapturedText)
    if access is None or not reach_for(request).may(
        access.view, run.project.organization_id
    ):
        return "What a run was given and gave is shown to owners."
    if not run.project.capture:
        return "Not shown: the project does not keep texts for people to read."
    return ""


def read_contents(request: HttpRequest, run: WorkflowRun) -> list[Said]:
    """Return input and outputs, and note who has read them."""
    CaptureView.objects.create(
        user_id=request.user.pk, project_id=run.project_id, request_id=str(run.pk)
    )
    found = [Said("Input of the run", _cut(run.read_input()))]
    rows = StepRun.objects.filter(
        run=run, item=MAIN, status=StepRun.Status.COMPLETED
    ).order_by("created_at", "id")
    found += [
        Said(f"Output of {row.step}", _cut(row.read("output")))
        for row in rows.iterator(chunk_size=10)
    ]
    return found


def _drawing(run: WorkflowRun, rows: Sequence[StepRun]) -> SafeString:
    flow = run.version.flow()
    by_step = {row.step: row for row in rows}
    marks = {}
    for name in flow.definition.steps:
        row = by_step.get(name)
        status = "pending" if row is None else row.status
        again = f", {row.attempts} attempts" if row and row.attempts > 1 else ""
        marks[name] = Mark(f"{status.replace('_', ' ')}{again}", status)
    return draw(flow.graph, marks, f"The run is {run.get_status_display()}")


def _timeline(
    run: WorkflowRun, rows: Sequence[StepRun], *, tells_errors: bool
) -> list[Line]:
    begin, now = run.created_at, run.ended_at or timezone.now()
    whole_s = max((now - begin).total_seconds(), 0.001)
    lines = []
    for row in rows:
        since = row.started_at or row.created_at
        length_s = ((row.ended_at or now) - since).total_seconds()
        first = (since - begin).total_seconds() / whole_s * _WHOLE
        # Steps that were taken over from another run ended before this one began.
        first = min(max(first, 0.0), _WHOLE)
        length = min(max(length_s / whole_s * _WHOLE, 0.0), _WHOLE - first)
        error = ""
        if row.error_code:
            message = row.read("error") if tells_errors else None
            error = f"{row.error_code}: {message}" if message else row.error_code
        lines.append(Line(row, COLOURS[row.status], first, length, error))
    return lines


def _questions(run: WorkflowRun, rows: Sequence[StepRun]) -> list[Question]:
    found = [
        Question(
            str(each.step),
            each.step.step,
            _asked(each),
            _cut(each.read()),
            each.digest,
            each.expires_at,
        )
        for each in pending_approvals(run)
    ]
    waiting = StepRun.objects.filter(
        run=run,
        status=StepRun.Status.WAITING_APPROVAL,
        approval__state=Approval.State.PENDING,
    ).select_related("approval")
    for row in waiting:
        approval = row.approval
        if approval is not None:
            text = (
                f"It asks {approval.provider}/{approval.model} for about "
                f"${approval.estimate_usd:.4f}; above ${approval.threshold_usd:f} "
                "somebody has to agree."
            )
            found.append(
                Question(str(row), "", text, "", str(approval.pk), approval.expires_at)
            )
    return found


def _asked(approval: StepApproval) -> str:
    shown = approval.read()
    message = shown.get("message") if isinstance(shown, dict) else ""
    return str(message or "The workflow asks for approval before this step.")


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else readable(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}\n[cut]"
