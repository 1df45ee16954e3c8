from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from tenants.models import Approval, Project
from tenants.models.project import ProjectScopedQuerySet
from workflows.contents import seal_json, unseal_json
from workflows.models.run import WorkflowRun

# The step itself; from 0 on: what a foreach does for one element.
MAIN = -1


class StepRun(models.Model):
    """What has become of one step of a run. It has no row before it is decided on."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        WAITING = "waiting"
        WAITING_APPROVAL = "waiting_approval"
        COMPLETED = "completed"
        FAILED = "failed"
        SKIPPED = "skipped"
        CANCELLED = "cancelled"

    TABLE = "workflows_steprun"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="workflow_steps"
    )
    run = models.ForeignKey(WorkflowRun, on_delete=models.CASCADE, related_name="steps")
    step = models.CharField(max_length=64)
    item = models.SmallIntegerField(default=MAIN)
    action = models.CharField(max_length=20)
    status = models.CharField(max_length=20, choices=Status.choices)
    # False: a condition that does not hold.
    holds = models.BooleanField(default=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    interruptions = models.PositiveSmallIntegerField(default=0)
    # Who does it, and until when nobody else may.
    claim = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    input = models.BinaryField(null=True, editable=False)
    output = models.BinaryField(null=True, editable=False)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.BinaryField(null=True, editable=False)
    cost_usd = models.DecimalField(
        max_digits=20, decimal_places=10, null=True, default=0
    )
    reserved_usd = models.DecimalField(
        max_digits=20, decimal_places=10, null=True, blank=True
    )
    # The project's approval that the step waits for, or was sent with.
    approval = models.ForeignKey(
        Approval,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="workflow_steps",
    )
    provider = models.CharField(max_length=63, blank=True)
    model = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step", "item"], name="workflow_step_once_per_run"
            )
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(status="running"),
                name="workflow_step_leased",
            ),
            models.Index(
                fields=["approval"],
                condition=Q(status="waiting_approval"),
                name="workflow_step_asking",
            ),
        ]

    def __str__(self) -> str:
        return self.step if self.item == MAIN else f"{self.step}[{self.item}]"

    @property
    def latency_ms(self) -> int | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return round((self.ended_at - self.started_at).total_seconds() * 1000)

    def put(self, field: str, value: Any) -> None:
        """Seal a value into `input`, `output` or `error`."""
        sealed = seal_json(value, self.project_id, self.TABLE, str(self.pk), field)
        setattr(self, field, sealed)

    def read(self, field: str) -> Any:
        """Return what `put` sealed, None where nothing was."""
        return unseal_json(
            getattr(self, field), self.project_id, self.TABLE, str(self.pk), field
        )
