from typing import Any

from django.db import models

from tenants.models import ApiKey, Organization, Project
from tenants.models.project import ProjectScopedQuerySet


class UsageRollup(models.Model):
    """Sums of usage events of one bucket of time, by who used what."""

    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    project = models.ForeignKey(
        Project, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    api_key = models.ForeignKey(
        ApiKey, models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    operation = models.CharField(max_length=20)
    feature = models.CharField(max_length=100, blank=True)
    alias = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    status = models.CharField(max_length=12)
    kind = models.CharField(max_length=12)

    events = models.BigIntegerField()
    requests = models.BigIntegerField(help_text="Distinct requests behind the events.")
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=30, decimal_places=12)
    unpriced = models.BigIntegerField(help_text="Events whose cost is not known.")
    estimated = models.BigIntegerField()
    fallbacks = models.BigIntegerField()
    latency_ms_sum = models.FloatField()
    first_token_ms_sum = models.FloatField()
    first_tokens = models.BigIntegerField()

    objects: Any = ProjectScopedQuerySet.as_manager()

    class Meta:
        abstract = True


# What a bucket is grouped by, besides its time.
DIMENSIONS = [
    "organization",
    "project",
    "api_key",
    "operation",
    "feature",
    "alias",
    "provider",
    "model",
    "status",
    "kind",
]


class HourlyUsage(UsageRollup):
    """Usage of one hour (UTC)."""

    hour = models.DateTimeField()

    class Meta:
        verbose_name_plural = "hourly usage"
        ordering = ["-hour"]
        indexes = [models.Index(fields=["project", "hour"], name="hourly_project_hour")]
        constraints = [
            models.UniqueConstraint(
                fields=["hour", *DIMENSIONS],
                nulls_distinct=False,
                name="hourly_once_per_group",
            )
        ]

    def __str__(self) -> str:
        hour = f"{self.hour:%Y-%m-%d %H}h"
        return f"{hour} {self.project_id} {self.provider}/{self.model}"


class DailyUsage(UsageRollup):
    """Usage of one day (UTC), summed from its hours."""

    day = models.DateField()

    class Meta:
        verbose_name_plural = "daily usage"
        ordering = ["-day"]
        indexes = [models.Index(fields=["project", "day"], name="daily_project_day")]
        constraints = [
            models.UniqueConstraint(
                fields=["day", *DIMENSIONS],
                nulls_distinct=False,
                name="daily_once_per_group",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id} {self.provider}/{self.model}"


class TouchedHour(models.Model):
    """An hour with events that are not rolled up yet. Written with the events."""

    id = models.BigAutoField(primary_key=True)
    hour = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h"
