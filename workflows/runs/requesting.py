"""A run that a project asks for: which version, once per idempotency key."""

from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from gateway.configuration.records import KeyRecord
from tenants.models import Project
from workflows.models import WorkflowRun, WorkflowVersion
from workflows.models.workflow import workflow_named
from workflows.runs.keys import once
from workflows.runs.starting import NotStarted, inline_version, start_run


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is asked for: a definition, or a stored workflow by its name or id."""

    definition: dict[str, Any] | None = None
    workflow: str = ""
    version: int | None = None
    input: dict[str, Any] = field(default_factory=dict)
    end_user: str = ""
    idempotency_key: str = ""


def request_run(asked: RunRequest, key: KeyRecord) -> UUID:
    """Make the run, or find the one that the same request made. Raises `NotStarted`."""
    project_id = key.project.id

    def make() -> WorkflowRun:
        return start_run(
            _version_of(asked, project_id),
            asked.input,
            api_key_id=key.pk,
            end_user=asked.end_user,
        )

    content = [
        asked.definition,
        asked.workflow,
        asked.version,
        asked.input,
        asked.end_user,
    ]
    run = once("run", asked.idempotency_key, project_id, content, make)
    return run.pk


def _version_of(asked: RunRequest, project_id: int) -> WorkflowVersion:
    if asked.definition is not None:
        return inline_version(Project.objects.get(pk=project_id), asked.definition)
    found = WorkflowVersion.objects.filter(
        workflow_named(asked.workflow), project_id=project_id
    )
    if asked.version is None:
        version = found.filter(status=WorkflowVersion.Status.ACTIVE).first()
    else:
        version = found.filter(number=asked.version).first()
    if version is not None:
        return cast("WorkflowVersion", version)
    name = asked.workflow[:100]
    if asked.version is not None:
        msg = f"There is no version {asked.version} of a workflow {name!r}."
    elif found.exists():
        msg = f"The workflow {name!r} has no active version; activate one first."
        raise NotStarted(msg, status=409, code="no_active_version")
    else:
        msg = f"There is no workflow {name!r}; GET /api/workflows/list lists them."
    raise NotStarted(msg, status=404, code="not_found")
