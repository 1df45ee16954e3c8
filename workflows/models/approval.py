from typing import Any

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from workflows.contents import seal_json, unseal_json
from workflows.models.step import StepRun


class StepApproval(models.Model):
    """What somebody was asked to agree to, and what they said."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        EXPIRED = "expired"
        VOID = "void", "no longer needed"

    class Reason(models.TextChoices):
        GATE = "gate", "the workflow asks for it"
        INTERRUPTED = "interrupted", "the step was cut off and may have been done"

    TABLE = "workflows_stepapproval"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="step_approvals"
    )
    step = models.ForeignKey(
        StepRun, on_delete=models.CASCADE, related_name="approvals"
    )
    reason = models.CharField(max_length=12, choices=Reason.choices)
    # Of what was shown, so that an approval is for that and nothing else.
    digest = models.CharField(max_length=64)
    shown = models.BinaryField(editable=False)
    by_another = models.BooleanField(default=False)
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.PENDING
    )
    expires_at = models.DateTimeField()
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["step"],
                condition=Q(state="pending"),
                name="workflow_step_one_pending_approval",
            )
        ]

    def __str__(self) -> str:
        return f"approval of {self.step_id}"

    def put(self, shown: Any) -> None:
        self.shown = seal_json(
            shown, self.project_id, self.TABLE, str(self.pk), "shown"
        )

    def read(self) -> Any:
        """Return what was shown."""
        return unseal_json(
            self.shown, self.project_id, self.TABLE, str(self.pk), "shown"
        )
