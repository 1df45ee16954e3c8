from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models import ApiKey, Organization, Project
from tenants.models.project import ProjectScopedQuerySet


def _sketch_column(base: type[models.Field[Any, Any]]) -> "ArrayField[Any, Any]":
    return ArrayField(base(), default=list, db_default=[])


class UsageCounts(models.Model):
    """Counts, tokens and money of usage events of one bucket of time."""

    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    project = models.ForeignKey(
        Project, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    status = models.CharField(max_length=12)
    kind = models.CharField(max_length=12)
    cache = models.CharField(max_length=10, blank=True, default="", db_default="")

    events = models.BigIntegerField()
    requests = models.BigIntegerField(help_text="Distinct requests behind the events.")
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=30, decimal_places=12)
    saved_usd = models.DecimalField(
        max_digits=30,
        decimal_places=12,
        default=0,
        db_default=0,
        help_text="What answers from the cache had cost when they were new.",
    )
    unpriced = models.BigIntegerField(help_text="Events whose cost is not known.")
    estimated = models.BigIntegerField()
    fallbacks = models.BigIntegerField()
    truncated = models.BigIntegerField(
        default=0, db_default=0, help_text="Answers cut off by a bound of length."
    )
    refused = models.BigIntegerField(
        default=0, db_default=0, help_text="Answers withheld or refused for content."
    )
    violations = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Answers that did not keep to the schema asked for.",
    )

    objects: Any = ProjectScopedQuerySet.as_manager()

    class Meta:
        abstract = True


class UsageSums(UsageCounts):
    """Counts of a provider's usage, and how long it took.

    A sketch of times is two lists: the buckets of `usage.analytics.sketches`, and how
    many events are in each.
    """

    provider = models.CharField(max_length=63)
    other_usage = models.JSONField(
        default=dict,
        db_default={},
        help_text="Further components: audio, images, seconds, …",
    )
    latency_ms_sum = models.FloatField()
    first_token_ms_sum = models.FloatField()
    first_tokens = models.BigIntegerField()
    latency_buckets = _sketch_column(models.SmallIntegerField)
    latency_counts = _sketch_column(models.IntegerField)
    first_token_buckets = _sketch_column(models.SmallIntegerField)
    first_token_counts = _sketch_column(models.IntegerField)

    class Meta:
        abstract = True


class UsageRollup(UsageSums):
    """Sums of usage events of one bucket of time, by who used what."""

    api_key = models.ForeignKey(
        ApiKey, models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    operation = models.CharField(max_length=20)
    feature = models.CharField(max_length=100, blank=True)
    alias = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200)
    error_code = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        abstract = True


# What sums are grouped by for the overview.
FEW_DIMENSIONS = ["organization", "project", "provider", "status", "kind", "cache"]
# What a bucket is grouped by, besides its time.
DIMENSIONS = [
    *FEW_DIMENSIONS,
    "api_key",
    "operation",
    "feature",
    "alias",
    "model",
    "error_code",
]


class HourlyUsage(UsageRollup):
    """Usage of one hour (UTC), or of a part of it where local hours begin in between."""

    hour = models.DateTimeField()

    class Meta:
        verbose_name_plural = "hourly usage"
        ordering = ["-hour"]
        indexes = [
            models.Index(fields=["project", "hour"], name="hourly_project_hour"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["hour", *DIMENSIONS],
                nulls_distinct=False,
                name="hourly_once_in_each_group",
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
                name="daily_once_in_each_group",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id} {self.provider}/{self.model}"


class HourlyTotal(UsageSums):
    """Usage of an hour (UTC), or a part of one, summed over models, keys and features."""

    hour = models.DateTimeField()

    class Meta:
        ordering = ["-hour"]
        indexes = [
            models.Index(fields=["project", "hour"], name="hourly_total_project"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["hour", *FEW_DIMENSIONS], name="hourly_total_once_in_each_group"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.project_id} {self.provider}"


class DailyTotal(UsageSums):
    """Usage of one day (UTC), summed over models, keys and features."""

    day = models.DateField()

    class Meta:
        ordering = ["-day"]
        indexes = [
            models.Index(fields=["project", "day"], name="daily_total_project"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["day", *FEW_DIMENSIONS], name="daily_total_once_in_each_group"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id} {self.provider}"


class UsageShare(models.Model):
    """What one model, or one feature, of a project cost in a bucket of time.

    Either `model` or `feature` is empty.
    """

    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    project = models.ForeignKey(
        Project, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    provider = models.CharField(max_length=63, blank=True)
    model = models.CharField(max_length=200, blank=True)
    feature = models.CharField(max_length=100, blank=True)
    events = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=30, decimal_places=12)

    objects: Any = ProjectScopedQuerySet.as_manager()

    class Meta:
        abstract = True


class HourlyShare(UsageShare):
    """Shares of one hour (UTC), or of a part of one."""

    hour = models.DateTimeField()

    class Meta:
        ordering = ["-hour"]
        indexes = [models.Index(fields=["hour"], name="hourly_share_hour")]

    def __str__(self) -> str:
        return (
            f"{self.hour:%Y-%m-%d %H}h {self.project_id} {self.model or self.feature}"
        )


class DailyShare(UsageShare):
    """Shares of one day (UTC)."""

    day = models.DateField()

    class Meta:
        ordering = ["-day"]
        indexes = [models.Index(fields=["day"], name="daily_share_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id} {self.model or self.feature}"


class TouchedHour(models.Model):
    """An hour with events that are not rolled up yet. Written with the events."""

    id = models.BigAutoField(primary_key=True)
    hour = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h"


class SplitHour(models.Model):
    """Into which parts the hours of an organization are rolled up.

    Where local time is not a whole number of hours away from UTC, a local day begins
    within an hour. Organizations without a row have whole hours.
    """

    organization = models.OneToOneField(
        Organization, models.CASCADE, primary_key=True, related_name="+"
    )
    minutes = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.minutes} minutes"
