from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.models.api_key import ApiKey, check_key_of
from tenants.models.end_user import EndUser, check_end_user_of
from tenants.models.project import Project, ProjectScopedQuerySet
from tenants.versioning import announces_changes


@audited()
class Limit(models.Model):
    """How many requests, tokens or concurrent requests may be used.

    By a whole project, or by a key, an end user, an alias, or several of them together.
    """

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
    end_user = models.ForeignKey(
        EndUser,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="limits",
        help_text="Only for this end user; empty: all of them.",
    )
    each_end_user = models.BooleanField(
        default=False,
        db_default=False,
        help_text="For each end user separately, not all together.",
    )
    alias = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="Only for requests that name this alias; empty: all.",
    )
    shadow = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Only count what would have been refused.",
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
        triggers = announces_changes("r.project_id", end_user="r.end_user_id")
        constraints = [
            models.CheckConstraint(
                condition=Q(end_user__isnull=True) | Q(each_end_user=False),
                name="limit_one_or_each_end_user",
                violation_error_message="Choose one end user or each, not both.",
            ),
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
                fields=[
                    "project",
                    "api_key",
                    "end_user",
                    "each_end_user",
                    "alias",
                    "metric",
                    "per",
                ],
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
        check_end_user_of(self.project_id, self.end_user)


class ShadowCount(models.Model):
    """How often a limit in shadow mode would have refused a request.

    A row of its own, since it is no configuration.
    """

    limit = models.OneToOneField(
        Limit, on_delete=models.CASCADE, primary_key=True, related_name="shadow_count"
    )
    refusals = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.limit}: {self.refusals} would have been refused"
