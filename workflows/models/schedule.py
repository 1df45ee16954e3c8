from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from tenants.audit import audited
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from workflows.contents import seal_json, unseal_json
from workflows.cron import Cron, Malformed
from workflows.limits import MAX_NAME_LENGTH
from workflows.models.workflow import Workflow


def check_cron(value: str) -> None:
    """Refuse what is no cron expression."""
    try:
        Cron.parse(value)
    except Malformed as error:
        raise ValidationError(str(error)) from error


@audited(secret=("sealed_input", "next_at", "last_at", "problem", "time_zone"))
class WorkflowSchedule(models.Model):
    """When a workflow runs by itself, by the clock of its project."""

    TABLE = "workflows_workflowschedule"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="workflow_schedules"
    )
    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="schedules"
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    cron = models.CharField(
        max_length=200,
        validators=[check_cron],
        help_text=(
            "Minute, hour, day of the month, month, day of the week, in the time zone "
            "of the project: 0 9 * * mon-fri is nine o'clock on working days."
        ),
    )
    sealed_input = models.BinaryField(null=True, blank=True, editable=False)
    active = models.BooleanField(
        default=True, help_text="When off, it begins no run; what was due is left out."
    )
    # The moment it is due next; empty when it is off.
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The zone that this was worked out in.
    time_zone = models.CharField(max_length=64, default="UTC", editable=False)
    last_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Why no run could be made when it was due last.
    problem = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                name="workflow_schedule_name_once",
                violation_error_message="The project has a schedule of this name.",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=Q(active=True),
                name="workflow_schedule_due",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and work out when it is due next unless only some columns are saved."""
        if kwargs.get("update_fields") is None:
            self.plan(timezone.now())
        super().save(*args, **kwargs)

    def clean(self) -> None:
        # A form that has no workflow says so itself.
        workflow: Workflow | None = getattr(self, "workflow", None)
        if workflow is not None and workflow.project_id != self.project_id:
            msg = "The workflow belongs to another project."
            raise ValidationError({"workflow": msg})

    def plan(self, now: datetime) -> None:
        """Work out when it is due next."""
        self.time_zone = self.project.time_zone
        self.next_at = self.due_after(now) if self.active else None

    def due_after(self, moment: datetime) -> datetime | None:
        """Return when it is due next after that moment; None: never again."""
        zone = ZoneInfo(self.project.time_zone)
        return Cron.parse(self.cron).next_after(moment, zone)

    def put_input(self, value: dict[str, Any]) -> None:
        self.sealed_input = seal_json(
            value, self.project_id, self.TABLE, str(self.pk), "input"
        )

    def read_input(self) -> dict[str, Any]:
        found: dict[str, Any] | None = unseal_json(
            self.sealed_input, self.project_id, self.TABLE, str(self.pk), "input"
        )
        return found or {}
