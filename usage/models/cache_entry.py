from django.db import models
from django.utils import timezone

from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet


class CacheEntryQuerySet(ProjectScopedQuerySet):
    def expired(self) -> "CacheEntryQuerySet":
        return self.filter(expires_at__lte=timezone.now())


class CacheEntry(models.Model):
    """An answer that is kept, sealed with the data key of its project.

    `key` is a digest that only the gateway can compute; it tells nothing of the request.
    """

    key = models.CharField(max_length=64, unique=True)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="cache_entries", db_index=False
    )
    operation = models.CharField(max_length=20)
    alias = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    sealed = models.BinaryField()
    size = models.PositiveIntegerField(help_text="Bytes, sealed.")
    hit_count = models.BigIntegerField(default=0)
    saved_usd = models.DecimalField(
        max_digits=24,
        decimal_places=12,
        null=True,
        help_text="What the answer cost, and every hit saves.",
    )
    created_at = models.DateTimeField()
    last_hit_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = CacheEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "cache entries"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="cache_newest"),
            models.Index(
                fields=["project", "-created_at"], name="cache_project_newest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.key[:12]}…"
