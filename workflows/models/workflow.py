from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from tenants.audit import audited
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from workflows.contents import fingerprint, seal_json, unseal_json
from workflows.definitions.flow import Flow
from workflows.definitions.steps import read_definition
from workflows.limits import MAX_NAME_LENGTH

_MAX_READ = 500
# Those that were read, by version and fingerprint.
_flows: dict[tuple[UUID, str], Flow] = {}


@audited(secret=("updated_at",))
class Workflow(models.Model):
    """A named workflow of a project; what it does stands in its versions."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="workflows"
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], name="workflow_name_once_per_project"
            )
        ]

    def __str__(self) -> str:
        return self.name


# Definitions that came with runs are no configuration.
@pghistory.track(
    pghistory.InsertEvent(condition=pgtrigger.Q(new__workflow__isnull=False)),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(condition=pgtrigger.Q(old__workflow__isnull=False)),
    exclude=["sealed"],
    level=pgtrigger.Statement,
)
class WorkflowVersion(models.Model):
    """One definition of a workflow, which never changes once runs may have pinned it.

    Without a workflow: the definition came with a run.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        ARCHIVED = "archived"

    TABLE = "workflows_workflowversion"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="workflow_versions"
    )
    workflow = models.ForeignKey(
        Workflow,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="versions",
    )
    number = models.PositiveIntegerField(default=1)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.ACTIVE
    )
    sealed = models.BinaryField(editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    step_count = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["workflow", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "number"], name="workflow_version_number_once"
            ),
            models.UniqueConstraint(
                fields=["workflow"],
                condition=Q(status="active", workflow__isnull=False),
                name="workflow_one_active_version",
            ),
            models.UniqueConstraint(
                fields=["project", "fingerprint"],
                condition=Q(workflow__isnull=True),
                name="workflow_inline_definition_once",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"

    def put(self, definition: dict[str, Any]) -> None:
        """Seal the definition into the row."""
        self.sealed = seal_json(
            definition, self.project_id, self.TABLE, str(self.pk), "sealed"
        )
        self.fingerprint = fingerprint_of(definition, self.project_id)
        self.step_count = len(definition["steps"])

    def said(self) -> dict[str, Any]:
        """Return the definition as it was sent."""
        found: dict[str, Any] = unseal_json(
            self.sealed, self.project_id, self.TABLE, str(self.pk), "sealed"
        )
        return found

    def flow(self) -> Flow:
        """Return the definition as the engine follows it; kept for who asks next."""
        key = (self.pk, self.fingerprint)
        if (known := _flows.get(key)) is not None:
            return known
        if len(_flows) >= _MAX_READ:
            _flows.clear()
        found = _flows[key] = Flow(read_definition(self.said()))
        return found

    @classmethod
    def active_id(cls, project_id: int, name_or_id: str) -> UUID | None:
        """Return the active version of a workflow of the project, by name or id."""
        found: UUID | None = (
            cls.objects.filter(
                workflow_named(name_or_id),
                project_id=project_id,
                status=cls.Status.ACTIVE,
            )
            .values_list("pk", flat=True)
            .first()
        )
        return found


def fingerprint_of(definition: dict[str, Any], project_id: int) -> str:
    canonical = orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)
    return fingerprint(canonical, project_id, "workflow definition")


def workflow_named(name_or_id: str) -> Q:
    """Return what finds the versions of a workflow by its name or its id."""
    try:
        return Q(workflow_id=UUID(name_or_id))
    except ValueError:
        return Q(workflow__name=name_or_id)
