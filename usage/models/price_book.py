from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from catalog.models import AIModel, Price
from catalog.protocols import PriceComponent
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet


class PriceProposal(models.Model):
    """A price that the installed genai-prices has and the book has not, to be decided on."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"

    model = models.ForeignKey(
        AIModel, on_delete=models.CASCADE, related_name="price_proposals"
    )
    component = models.CharField(max_length=16, choices=PriceComponent.choices)
    min_input_tokens = models.PositiveIntegerField(default=0)
    per_million = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    per_unit = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    announced_for = models.DateField(
        null=True, help_text="The day that the source names; empty: it holds already."
    )
    before = models.CharField(
        max_length=60, blank=True, help_text="What the book says now; empty: nothing."
    )
    source = models.CharField(max_length=60)
    found_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    effective_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text=(
            "From when on it is to hold; empty: from its announced day, else from the "
            "approval. What was used since then is paid anew by a re-rating."
        ),
    )
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    price = models.ForeignKey(
        Price, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-found_at", "model", "component", "min_input_tokens"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "component", "min_input_tokens", "announced_for"],
                condition=Q(state="pending"),
                nulls_distinct=False,
                name="price_proposal_one_pending",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.component}: {self.amount}"

    @property
    def amount(self) -> str:
        return amount_of(self.per_million, self.per_unit)


def amount_of(per_million: Decimal | None, per_unit: Decimal | None) -> str:
    if per_million is not None:
        return f"{per_million.normalize():f} per million"
    return "" if per_unit is None else f"{per_unit.normalize():f} each"


class Rerating(models.Model):
    """A stretch of the past whose usage is paid by the price book as it is now.

    Events stay as they are; the difference is booked beside them.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"

    begins_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("to")
    model = models.ForeignKey(
        AIModel,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: every model.",
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: every project.",
    )
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    done_until = models.DateTimeField(null=True, blank=True)
    checked = models.BigIntegerField("events looked at", default=0)
    adjustments = models.BigIntegerField(default=0)
    difference_usd = models.DecimalField(
        "difference (USD)", max_digits=30, decimal_places=12, default=0
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")),
                name="rerating_begins_before_it_ends",
                violation_error_message="It must begin before it ends.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.begins_at:%Y-%m-%d %H:%M} to {self.ends_at:%Y-%m-%d %H:%M} UTC"

    @property
    def next_from(self) -> datetime:
        return self.done_until or self.begins_at

    def clean(self) -> None:
        if not self.reason.strip():
            raise ValidationError({"reason": "Say why, for whoever reads the bill."})
