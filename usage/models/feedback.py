import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet


class Feedback(models.Model):
    """What somebody thinks of the answer to one request. The last word of each counts.

    Who answered is kept beside it, so that it outlives the usage event. `sealed` holds the
    comment, of a project that wants texts kept; it opens with the project's data key, at
    the place of this row alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="feedback"
    )
    request_id = models.UUIDField()
    end_user = models.CharField(max_length=200, blank=True)
    score = models.FloatField(
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="From 0, of no use, to 1, as hoped.",
    )
    sealed = models.BinaryField(null=True, editable=False)
    expires_at = models.DateTimeField(
        null=True, help_text="When the comment is forgotten."
    )
    operation = models.CharField(max_length=20)
    alias = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    feature = models.CharField(max_length=100, blank=True)
    occurred_at = models.DateTimeField(help_text="When the request was answered.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "id"]
        verbose_name_plural = "feedback"
        indexes = [
            models.Index(fields=["project", "occurred_at"], name="feedback_of_project"),
            models.Index(fields=["-updated_at", "id"], name="feedback_newest"),
            models.Index(
                fields=["expires_at"],
                name="feedback_comment_expiry",
                condition=Q(expires_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "request_id", "end_user"],
                name="feedback_once_for_each_end_user",
            ),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=1), name="feedback_score_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.score:g} for {self.request_id}"
