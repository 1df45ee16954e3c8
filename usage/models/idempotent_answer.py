from django.db import models
from django.utils import timezone

from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet


class IdempotentAnswerQuerySet(ProjectScopedQuerySet):
    def expired(self) -> "IdempotentAnswerQuerySet":
        return self.filter(expires_at__lte=timezone.now())


class IdempotentAnswer(models.Model):
    """What a request with an `Idempotency-Key` was answered, or that it is under way.

    The answer is sealed with the data key of its project; it is null while the request
    runs, and when it is too large to be kept. `digest` stands for project, route and key,
    `fingerprint` for the rest of the request; only the gateway can compute them.
    """

    digest = models.CharField(max_length=64, unique=True)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="idempotent_answers"
    )
    fingerprint = models.CharField(max_length=64)
    request_id = models.UUIDField(help_text="Who answers, or has answered.")
    lease_until = models.DateTimeField(
        help_text="From then on another may answer, if nobody has."
    )
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    sealed = models.BinaryField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = IdempotentAnswerQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.digest[:12]}…"
