"""Making runs, whoever wants one."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.utils import timezone

from tenants.models import Project
from workflows.actions.outcomes import RunWanted
from workflows.limits import MAX_ACTIVE_RUNS, MAX_INPUT_BYTES
from workflows.models import ACTIVE, StepRun, WorkflowRun, WorkflowVersion
from workflows.models.workflow import fingerprint_of


class NotStarted(Exception):
    """The run was not made; the message says why, `status` and `code` how to tell it."""

    def __init__(
        self, message: str, *, status: int = 400, code: str = "invalid_request"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def start_run(
    version: WorkflowVersion,
    given: dict[str, Any],
    *,
    api_key_id: int | None = None,
    end_user: str = "",
    trigger: str = WorkflowRun.Trigger.API,
    **fields: Any,
) -> WorkflowRun:
    """Make a run of this version, on behalf of a key or of the project itself.

    It begins when somebody is woken for it; `workflows.waking.wake` after the commit.
    Raises `NotStarted`.
    """
    definition = version.flow().definition
    _check_input(given, definition.inputs())
    project_id = version.project_id
    active = WorkflowRun.objects.filter(project_id=project_id, status__in=ACTIVE)
    if active[MAX_ACTIVE_RUNS:].exists():
        msg = f"The project has {MAX_ACTIVE_RUNS} runs that have not ended; wait for some."
        raise NotStarted(msg, status=429, code="rate_limit_exceeded")
    return _make(
        version,
        given,
        definition.time,
        definition.max_cost_usd,
        api_key_id=api_key_id,
        has_key=api_key_id is not None,
        end_user=end_user,
        trigger=trigger,
        **fields,
    )


def begin_child_run(parent: WorkflowRun, step: StepRun, wanted: RunWanted) -> UUID:
    """Make a run on behalf of a step of another one, with no more money and time."""
    version = WorkflowVersion.objects.get(pk=wanted.version_id)
    definition = version.flow().definition
    bounds = [
        b for b in (definition.max_cost_usd, wanted.max_cost_usd) if b is not None
    ]
    child = _make(
        version,
        wanted.input,
        min(definition.time, parent.deadline - timezone.now()),
        min(bounds, default=None),
        api_key_id=parent.api_key_id,
        has_key=parent.has_key,
        end_user=parent.end_user,
        trigger=WorkflowRun.Trigger.WORKFLOW,
        parent_step=step,
        depth=parent.depth + 1,
    )
    return child.pk


def inline_version(project: Project, definition: dict[str, Any]) -> WorkflowVersion:
    """Return the version that holds a definition which came with a run."""
    known = WorkflowVersion.objects.filter(
        project=project,
        workflow=None,
        fingerprint=fingerprint_of(definition, project.pk),
    )
    if (found := known.first()) is not None:
        return found  # type: ignore[no-any-return]
    fresh = WorkflowVersion(project=project, number=definition.get("version", 1))
    fresh.put(definition)
    # Somebody else may just have sent the same.
    WorkflowVersion.objects.bulk_create([fresh], ignore_conflicts=True)
    return known.get()  # type: ignore[no-any-return]


def _make(
    version: WorkflowVersion,
    given: dict[str, Any],
    time: timedelta,
    max_cost_usd: Decimal | None,
    **fields: Any,
) -> WorkflowRun:
    now = timezone.now()
    run = WorkflowRun(
        project_id=version.project_id,
        workflow_id=version.workflow_id,
        version=version,
        name=version.flow().definition.name,
        max_cost_usd=max_cost_usd,
        deadline=now + time,
        wake_at=now,
        **fields,
    )
    if given:
        run.put_input(given)
    run.save(force_insert=True)
    return run


def _check_input(given: dict[str, Any], wanted: frozenset[str]) -> None:
    missing = sorted(wanted - given.keys())
    if missing:
        names = ", ".join(f"input.{name}" for name in missing)
        raise NotStarted(f"The workflow asks for {names}, which is not given.")
    size = len(orjson.dumps(given))
    if size > MAX_INPUT_BYTES:
        msg = f"The input has {size} bytes, and may have {MAX_INPUT_BYTES}."
        raise NotStarted(msg, status=413, code="request_too_large")
