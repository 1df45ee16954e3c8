from django.db import models
from django.db.models import Q

from tenants.models import ApiKey, Organization, Project
from tenants.models.project import ProjectScopedQuerySet


class UsageEvent(models.Model):
    """What one upstream attempt used and cost. Holds no prompt and no answer.

    The table is partitioned by day of `occurred_at`; rows come from the spool alone.
    """

    class Kind(models.TextChoices):
        ATTEMPT = "attempt"
        CACHE_HIT = "cache_hit"
        ADJUSTMENT = "adjustment"

    class Status(models.TextChoices):
        OK = "ok"
        FAILED = "failed"
        INCOMPLETE = "incomplete", "Broken off by the provider"
        CANCELLED = "cancelled", "Client gone"
        UNSETTLED = "unsettled", "Process died, estimated"

    id = models.UUIDField(primary_key=True)
    occurred_at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.ATTEMPT)
    request_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField(default=1)

    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    project = models.ForeignKey(
        Project, models.DO_NOTHING, db_constraint=False, db_index=False
    )
    api_key = models.ForeignKey(
        ApiKey, models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    end_user = models.CharField(max_length=200, blank=True)
    feature = models.CharField(max_length=100, blank=True)
    feature_id = models.CharField(max_length=200, blank=True)
    tags = models.JSONField(default=list)

    operation = models.CharField(max_length=20)
    dialect = models.CharField(max_length=40)
    alias = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    reported_model = models.CharField(max_length=200, blank=True)
    streamed = models.BooleanField(default=False)

    status = models.CharField(max_length=12, choices=Status.choices)
    http_status = models.PositiveSmallIntegerField(null=True)
    error_code = models.CharField(max_length=64, blank=True)

    input_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    other_usage = models.JSONField(
        default=dict, help_text="Further components: audio, images, seconds, …"
    )
    estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    reported_cost_usd = models.DecimalField(
        max_digits=24,
        decimal_places=12,
        null=True,
        help_text="What the provider says that the answer cost.",
    )
    saved_usd = models.DecimalField(
        max_digits=24,
        decimal_places=12,
        null=True,
        help_text="What an answer from the cache had cost when it was new.",
    )
    intent_cost_usd = models.DecimalField(
        max_digits=24,
        decimal_places=12,
        null=True,
        help_text="What it was booked with before its exact figure came.",
    )
    price_ids = models.JSONField(default=list)
    own_credential = models.BooleanField(
        default=False,
        db_default=False,
        help_text="With what its end user presented, who pays for it: no cost of ours.",
    )

    latency_ms = models.FloatField(default=0)
    first_token_ms = models.FloatField(null=True)
    overhead_ms = models.FloatField(null=True)
    cache = models.CharField(max_length=10, blank=True)
    fallback = models.BooleanField(default=False)
    strategy = models.CharField(max_length=16, blank=True)
    routing = models.JSONField(default=dict)
    config_version = models.BigIntegerField(default=0)
    finish_reason = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        help_text="stop, length, tool_calls or content_filter, where the answer says.",
    )

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-occurred_at", "-id"]
        indexes = [
            models.Index(fields=["-occurred_at", "-id"], name="event_newest"),
            models.Index(
                fields=["project", "-occurred_at"], name="event_project_newest"
            ),
            models.Index(fields=["request_id"], name="event_request"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(input_tokens__gte=0)
                & Q(cache_read_tokens__gte=0)
                & Q(cache_write_tokens__gte=0)
                & Q(output_tokens__gte=0)
                & Q(reasoning_tokens__gte=0),
                name="event_tokens_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(cost_usd__isnull=True)
                | Q(cost_usd__gte=0)
                | Q(kind="adjustment"),
                name="event_cost_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.status} ({self.id})"
