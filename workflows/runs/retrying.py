"""Running once more from a step on: a new run that begins with what was finished."""

from collections.abc import Iterator

from django.db import transaction

from workflows.definitions.flow import Flow
from workflows.models import StepRun, WorkflowRun
from workflows.models.step import MAIN
from workflows.runs.starting import NotStarted, start_run

_Status = StepRun.Status
_SETTLED = (_Status.COMPLETED, _Status.SKIPPED, _Status.FAILED)
# Outputs may have a MiB each.
_BATCH = 10


def retry_run(run: WorkflowRun, step: str = "", *, trigger: str) -> WorkflowRun:
    """Make a run of the same version and input that does `step`, and what follows, again.

    What else was finished is taken over with its outputs and costs nothing. Without a
    step it is the one that failed. Raises `NotStarted`.
    """
    flow = run.version.flow()
    step = step or run.error_step
    if run.is_active:
        raise _refused("The run goes on; wait for its end, or cancel it first.")
    if step not in flow.definition.steps:
        msg = f"The workflow has no step {step[:64]!r}."
        if not step:
            msg = "No step of the run has failed; name the one to begin with."
        raise NotStarted(msg)
    with transaction.atomic():
        again = start_run(
            run.version,
            run.read_input(),
            api_key_id=run.api_key_id,
            end_user=run.end_user,
            trigger=trigger,
            retry_of=run,
            depth=run.depth,
        )
        if run.has_key and not again.has_key:
            # The key is deleted: its run is not the project's own.
            again.has_key = True
            again.save(update_fields=["has_key"])
        batch = []
        for row in _kept(run, flow, step):
            batch.append(_copy(row, again))
            if len(batch) == _BATCH:
                StepRun.objects.bulk_create(batch)
                batch.clear()
        StepRun.objects.bulk_create(batch)
    return again


def _kept(run: WorkflowRun, flow: Flow, step: str) -> Iterator[StepRun]:
    rows = StepRun.objects.filter(run=run, item=MAIN)
    settled = {
        name
        for name, status in rows.values_list("step", "status")
        if status in _SETTLED
        and (status != _Status.FAILED or flow.is_handled(name))
        and name != step
    }
    after = flow.graph.after()
    again = [name for name in flow.definition.steps if name not in settled]
    while again:
        for target in after[again.pop()]:
            if target in settled:
                settled.discard(target)
                again.append(target)
    yield from (
        rows.filter(step__in=settled)
        .order_by("created_at", "id")
        .iterator(chunk_size=_BATCH)
    )


def _copy(row: StepRun, run: WorkflowRun) -> StepRun:
    """Return the step as one of that run; what it said is sealed for its new place."""
    copy = StepRun(
        project_id=run.project_id,
        run=run,
        step=row.step,
        action=row.action,
        status=row.status,
        holds=row.holds,
        attempts=row.attempts,
        error_code=row.error_code,
        provider=row.provider,
        model=row.model,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
    for field in ("output", "error"):
        if getattr(row, field) is not None:
            copy.put(field, row.read(field))
    return copy


def _refused(message: str) -> NotStarted:
    return NotStarted(message, status=409, code="conflict")
