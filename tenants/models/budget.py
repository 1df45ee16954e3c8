from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.models.api_key import ApiKey, check_key_of
from tenants.models.end_user import EndUser, check_end_user_of
from tenants.models.organization import Organization
from tenants.models.project import Project, ProjectScopedQuerySet
from tenants.versioning import announces_changes

_WHOLE = 100


def default_warn_at() -> list[int]:
    return [50, 80, 95]


def check_percentages(value: Any) -> None:
    if not isinstance(value, list) or not all(
        isinstance(v, int) and not isinstance(v, bool) and 0 < v <= _WHOLE
        for v in value
    ):
        msg = "This is a list of whole percentages from 1 to 100, e.g. [50, 80, 95]."
        raise ValidationError(msg)


@audited()
class Budget(models.Model):
    """How much money may be spent in a period.

    By an organization, a project, or within it by a key, an end user, an alias, or
    several of them together.
    """

    class Per(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        TOTAL = "total"

    class Mode(models.TextChoices):
        HARD = "hard", "Hard: refuse what would exceed it"
        SOFT = "soft", "Soft: warn"
        SHADOW = "shadow", "Shadow: only record"

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
        help_text="For all projects of the organization together.",
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
    )
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
        help_text="Only for this key; empty: all keys of the project together.",
    )
    end_user = models.ForeignKey(
        EndUser,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
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
    amount_usd = models.DecimalField(
        max_digits=14, decimal_places=4, validators=[MinValueValidator(Decimal(0))]
    )
    per = models.CharField(max_length=8, choices=Per.choices, default=Per.MONTH)
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.HARD)
    warn_at = models.JSONField(
        default=default_warn_at,
        blank=True,
        validators=[check_percentages],
        help_text="Percentages of the amount at which to warn.",
    )
    active = models.BooleanField(default=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "project", "per", "mode"]
        triggers = announces_changes("r.project_id", end_user="r.end_user_id")
        constraints = [
            models.CheckConstraint(
                condition=Q(organization__isnull=True, project__isnull=False)
                | Q(
                    organization__isnull=False,
                    project__isnull=True,
                    api_key__isnull=True,
                    end_user__isnull=True,
                    each_end_user=False,
                    alias="",
                ),
                name="budget_of_project_or_organization",
                violation_error_message=(
                    "A budget belongs to a project, or to an organization as a whole."
                ),
            ),
            models.CheckConstraint(
                condition=Q(end_user__isnull=True) | Q(each_end_user=False),
                name="budget_one_or_each_end_user",
                violation_error_message="Choose one end user or each, not both.",
            ),
            models.CheckConstraint(
                condition=Q(amount_usd__gte=0),
                name="budget_amount_not_negative",
                violation_error_message="A budget cannot be negative.",
            ),
            models.UniqueConstraint(
                fields=[
                    "organization",
                    "project",
                    "api_key",
                    "end_user",
                    "each_end_user",
                    "alias",
                    "per",
                    "mode",
                ],
                nulls_distinct=False,
                name="budget_once_per_period_and_mode",
                violation_error_message=(
                    "There is such a budget already; change that one."
                ),
            ),
        ]

    def __str__(self) -> str:
        period = "in total" if self.per == self.Per.TOTAL else f"per {self.per}"
        owner = self.project or self.organization
        return f"{owner}: {self.amount_usd} USD {period} ({self.mode})"

    def clean(self) -> None:
        check_key_of(self.project_id, self.api_key)
        check_end_user_of(self.project_id, self.end_user)
