from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.models.api_key import ApiKey, check_key_of
from tenants.models.project import Project, ProjectScopedQuerySet
from tenants.versioning import announces_changes


@audited()
class Limit(models.Model):
    """How many requests, tokens or concurrent requests a project or key may use."""

    class Metric(models.TextChoices):
        REQUESTS = "requests"
        TOKENS = "tokens"
        CONCURRENCY = "concurrency"

    class Per(models.TextChoices):
        SECOND = "second"
        MINUTE = "minute"
        HOUR = "hour"
        DAY = "day"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="limits"
    )
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="limits",
        help_text="Only for this key; empty: all keys of the project together.",
    )
    metric = models.CharField(max_length=16, choices=Metric.choices)
    amount = models.PositiveBigIntegerField(validators=[MinValueValidator(1)])
    per = models.CharField(
        max_length=8,
        choices=Per.choices,
        blank=True,
        help_text="Empty for concurrency, which has no period.",
    )
    active = models.BooleanField(default=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["project", "metric"]
        triggers = announces_changes("r.project_id")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=1),
                name="limit_amount_positive",
                violation_error_message="A limit must be at least 1.",
            ),
            models.CheckConstraint(
                condition=Q(metric="concurrency", per="")
                | (~Q(metric="concurrency") & ~Q(per="")),
                name="limit_period_fits_metric",
                violation_error_message=(
                    "Requests and tokens need a period; concurrency has none."
                ),
            ),
            models.UniqueConstraint(
                fields=["project", "api_key", "metric", "per"],
                nulls_distinct=False,
                name="limit_once_per_scope",
                violation_error_message="There is such a limit already; change that one.",
            ),
        ]

    def __str__(self) -> str:
        period = f" per {self.per}" if self.per else ""
        return f"{self.project}: {self.amount} {self.metric}{period}"

    def clean(self) -> None:
        check_key_of(self.project_id, self.api_key)
