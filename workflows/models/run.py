from __future__ import annotations

from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from tenants.models import ApiKey, Project
from tenants.models.project import ProjectScopedQuerySet
from workflows.contents import seal_json, unseal_json
from workflows.models.workflow import Workflow, WorkflowVersion


class WorkflowRun(models.Model):
    """One execution of one version of a workflow."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING_APPROVAL = "waiting_approval"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Trigger(models.TextChoices):
        API = "api", "API"
        ADMIN = "admin"
        SCHEDULE = "schedule"
        WEBHOOK = "webhook"
        WORKFLOW = "workflow", "another workflow"

    TABLE = "workflows_workflowrun"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="workflow_runs"
    )
    workflow = models.ForeignKey(
        Workflow,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
    )
    version = models.ForeignKey(
        WorkflowVersion, on_delete=models.PROTECT, related_name="runs"
    )
    name = models.CharField(max_length=200)
    # Whose limits and scopes hold; without a key those of the project.
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="workflow_runs",
    )
    has_key = models.BooleanField(default=False, editable=False)
    trigger = models.CharField(
        max_length=10, choices=Trigger.choices, default=Trigger.API
    )
    end_user = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.QUEUED
    )
    input = models.BinaryField(null=True, editable=False)
    parent_step = models.ForeignKey(
        "workflows.StepRun",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="child_runs",
    )
    depth = models.PositiveSmallIntegerField(default=0)
    # The run whose finished steps this one began with.
    retry_of = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="retries",
    )
    max_cost_usd = models.DecimalField(
        max_digits=20,
        decimal_places=10,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    total_cost_usd = models.DecimalField(max_digits=20, decimal_places=10, default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error_step = models.CharField(max_length=64, blank=True)
    # Counts what has happened, so that whoever watches sees that something has.
    revision = models.PositiveIntegerField(default=0)
    # When somebody has to look at it again; empty: when a step ends, or never.
    wake_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "-id"], name="workflow_run_latest"),
            models.Index(
                fields=["project", "workflow", "-id"], name="workflow_run_of_workflow"
            ),
            models.Index(
                fields=["project", "end_user", "-id"], name="workflow_run_of_user"
            ),
            models.Index(
                fields=["wake_at"],
                condition=Q(status__in=["queued", "running", "waiting_approval"]),
                name="workflow_run_due",
            ),
            models.Index(
                fields=["project"],
                condition=Q(status__in=["queued", "running", "waiting_approval"]),
                name="workflow_run_active",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {str(self.pk)[-12:]}"

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    def put_input(self, value: dict[str, Any]) -> None:
        self.input = seal_json(
            value, self.project_id, self.TABLE, str(self.pk), "input"
        )

    def read_input(self) -> dict[str, Any]:
        found: dict[str, Any] | None = unseal_json(
            self.input, self.project_id, self.TABLE, str(self.pk), "input"
        )
        return found or {}


ACTIVE = (
    WorkflowRun.Status.QUEUED.value,
    WorkflowRun.Status.RUNNING.value,
    WorkflowRun.Status.WAITING_APPROVAL.value,
)
