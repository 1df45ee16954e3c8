import uuid

from django.conf import settings
from django.db import models

from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet


class CapturedText(models.Model):
    """What a request said and what it was answered, sealed, of a project that wants it kept.

    `sealed` opens with the project's data key, at the place of this row alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="captured_texts"
    )
    request_id = models.CharField(max_length=64, db_index=True)
    end_user = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField()
    occurred_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    size = models.PositiveIntegerField(help_text="Bytes of both texts.")
    sealed = models.BinaryField()

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-occurred_at", "id"]
        indexes = [
            models.Index(
                fields=["project", "end_user", "-occurred_at"],
                name="captured_text_of_end_user",
            )
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.request_id}"


class CaptureView(models.Model):
    """That somebody has read captured texts."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    request_id = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.user} read {self.request_id} at {self.at}"
