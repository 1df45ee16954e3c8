"""Keeping definitions: a workflow by its name, a version for each definition of it."""

from typing import Any, cast

from django.db import transaction
from django.db.models import Max

from tenants.models import Project
from workflows.models import Workflow, WorkflowVersion
from workflows.models.workflow import fingerprint_of

_Status = WorkflowVersion.Status


class VersionTaken(Exception):
    """That version holds another definition, and versions do not change."""


def save_version(
    project: Project,
    definition: dict[str, Any],
    *,
    name: str = "",
    number: int | None = None,
    status: str = _Status.ACTIVE,
) -> WorkflowVersion:
    """Keep a definition without mistakes. Saving the same once more changes nothing.

    Without a number it is the next one. An active version takes the place of the one that
    was active. Raises `VersionTaken`.
    """
    name = name or definition["name"]
    with transaction.atomic():
        Workflow.objects.bulk_create(
            [Workflow(project=project, name=name)], ignore_conflicts=True
        )
        workflow = Workflow.objects.select_for_update().get(project=project, name=name)
        versions = WorkflowVersion.objects.filter(workflow=workflow)
        digest = fingerprint_of(definition, project.pk)
        if number is not None and (known := versions.filter(number=number).first()):
            if known.fingerprint != digest:
                msg = (
                    f"Version {number} of {name!r} holds another definition; "
                    "give the next number, or none."
                )
                raise VersionTaken(msg)
            _set_status(known, status)
            return cast("WorkflowVersion", known)
        last = versions.aggregate(last=Max("number"))["last"] or 0
        version = WorkflowVersion(
            project=project,
            workflow=workflow,
            number=last + 1 if number is None else number,
            status=_Status.DRAFT,
        )
        version.put(definition)
        version.save(force_insert=True)
        _set_status(version, status)
        workflow.save(update_fields=["updated_at"])
        return version


def activate(version: WorkflowVersion) -> None:
    """Let new runs take this version, and no other of the workflow."""
    with transaction.atomic():
        _set_status(version, _Status.ACTIVE)


def archive(version: WorkflowVersion) -> None:
    """Let no new run take this version; runs that have begun go on with it."""
    _set_status(version, _Status.ARCHIVED)


def _set_status(version: WorkflowVersion, status: str) -> None:
    if status == _Status.ACTIVE and version.workflow_id is not None:
        WorkflowVersion.objects.filter(
            workflow_id=version.workflow_id, status=_Status.ACTIVE
        ).exclude(pk=version.pk).update(status=_Status.ARCHIVED)
    if version.status != status:
        version.status = status
        version.save(update_fields=["status"])
