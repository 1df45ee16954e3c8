from django.db import models

from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from workflows.models.run import WorkflowRun
from workflows.models.workflow import WorkflowVersion


class IdempotentRequest(models.Model):
    """A request that was sent with an `Idempotency-Key`, and what it made."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=20)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    run = models.ForeignKey(
        WorkflowRun, on_delete=models.CASCADE, null=True, related_name="+"
    )
    version = models.ForeignKey(
        WorkflowVersion, on_delete=models.CASCADE, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "route", "key"],
                name="workflow_idempotency_key_once",
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="workflow_idempotency_age")]

    def __str__(self) -> str:
        return self.key
