from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.models.api_key import ApiKey, check_key_of
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
    """How much money a project or key may spend in a period."""

    class Per(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        TOTAL = "total"

    class Mode(models.TextChoices):
        HARD = "hard", "Hard: refuse what would exceed it"
        SOFT = "soft", "Soft: warn"
        SHADOW = "shadow", "Shadow: only record"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="budgets"
    )
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
        help_text="Only for this key; empty: all keys of the project together.",
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
        ordering = ["project", "per", "mode"]
        triggers = announces_changes("r.project_id")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_usd__gte=0),
                name="budget_amount_not_negative",
                violation_error_message="A budget cannot be negative.",
            ),
            models.UniqueConstraint(
                fields=["project", "api_key", "per", "mode"],
                nulls_distinct=False,
                name="budget_once_per_period_and_mode",
                violation_error_message=(
                    "There is such a budget already; change that one."
                ),
            ),
        ]

    def __str__(self) -> str:
        period = "in total" if self.per == self.Per.TOTAL else f"per {self.per}"
        return f"{self.project}: {self.amount_usd} USD {period} ({self.mode})"

    def clean(self) -> None:
        check_key_of(self.project_id, self.api_key)
