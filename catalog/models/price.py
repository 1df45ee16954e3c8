from datetime import datetime
from decimal import Decimal

import pgtrigger
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from catalog.models.aimodel import AIModel
from catalog.protocols import PriceComponent
from tenants.audit import audited
from tenants.versioning import announces_changes

COUNTABLE = frozenset({"image", "character", "second", "request", "search"})


class PriceQuerySet(models.QuerySet["Price"]):
    def in_force(self, at: datetime) -> "PriceQuerySet":
        """Return, per model, component and tier, the price that applies at that moment."""
        return (
            self.filter(valid_from__lte=at)
            .order_by("model", "component", "min_input_tokens", "-valid_from")
            .distinct("model", "component", "min_input_tokens")
        )


@audited()
class Price(models.Model):
    """What one component of a model costs in USD, from a moment on. Never edited."""

    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="prices")
    component = models.CharField(max_length=16, choices=PriceComponent.choices)
    per_million = models.DecimalField(
        max_digits=18,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="USD per million tokens (or per million of the unit).",
    )
    per_unit = models.DecimalField(
        max_digits=24,
        decimal_places=12,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="USD for each image, character, second, request or search.",
    )
    min_input_tokens = models.PositiveIntegerField(
        default=0,
        help_text="Applies to requests whose input is longer than this many tokens.",
    )
    valid_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering = ["model", "component", "min_input_tokens", "-valid_from"]
        triggers = [
            *announces_changes(
                "(SELECT COALESCE(m.project_id, p.project_id) FROM catalog_aimodel m"
                " JOIN catalog_provider p ON p.id = m.provider_id"
                " WHERE m.id = r.model_id)",
                is_catalog=True,
            ),
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update),
            pgtrigger.Protect(
                name="keep_history",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.valid_from <= now()"),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(per_million__isnull=False, per_unit__isnull=True)
                    | Q(
                        per_million__isnull=True,
                        per_unit__isnull=False,
                        component__in=sorted(COUNTABLE),
                    )
                ),
                name="price_one_amount",
                violation_error_message=(
                    "Give either per million, or, for countable things, per unit."
                ),
            ),
            models.CheckConstraint(
                condition=(Q(per_million__isnull=True) | Q(per_million__gte=0))
                & (Q(per_unit__isnull=True) | Q(per_unit__gte=0)),
                name="price_not_negative",
                violation_error_message="A price cannot be negative.",
            ),
            models.UniqueConstraint(
                fields=["model", "component", "min_input_tokens", "valid_from"],
                name="price_once_per_moment",
                violation_error_message=(
                    "There is a price from that moment; add one with a later date."
                ),
            ),
        ]

    def __str__(self) -> str:
        amount = (
            f"{self.per_million} per million"
            if self.per_million is not None
            else f"{self.per_unit} each"
        )
        return f"{self.component}: {amount} from {self.valid_from:%Y-%m-%d}"

    def clean(self) -> None:
        if self.pk is not None:
            msg = (
                "A price is never edited, for that would re-price the past; "
                "add one with a later date."
            )
            raise ValidationError(msg)
