import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.models.api_key import ApiKey
from tenants.models.project import Project, ProjectScopedQuerySet


@audited()
class Approval(models.Model):
    """A request that costs more than its project lets pass without being asked.

    `digest` is the SHA-256 of the path and the canonical JSON of the body: what is
    decided on, and the only request that the decision holds for. What it says is kept
    only where the project captures texts.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        USED = "used"
        REJECTED = "rejected"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="approvals"
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, related_name="approvals"
    )
    end_user = models.CharField(max_length=200, blank=True)
    operation = models.CharField(max_length=20)
    path = models.CharField(max_length=500)
    alias = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32)
    estimate_usd = models.DecimalField(max_digits=20, decimal_places=9)
    threshold_usd = models.DecimalField(max_digits=12, decimal_places=4)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    requested_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="decided_approvals",
    )
    comment = models.CharField(max_length=500, blank=True)
    used_at = models.DateTimeField(null=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at", "id"]
        indexes = [
            models.Index(
                fields=["project", "state", "-requested_at"], name="approval_queue"
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=["pending", "approved"]),
                name="approval_expiry",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "digest"],
                condition=Q(state="pending"),
                name="approval_pending_once_per_request",
            )
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.model}, {self.estimate_usd} USD ({self.state})"
