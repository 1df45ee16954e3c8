from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.models.organization import Organization
from tenants.redaction import check_patterns
from tenants.strategies import Strategy
from tenants.time_zones import check_time_zone
from tenants.versioning import announces_changes


class ProjectScopedQuerySet(models.QuerySet[Any]):
    """Rows that belong to a project; every read of them starts here."""

    def for_project(self, project: Project) -> ProjectScopedQuerySet:
        return self.filter(project=project)


def default_cache() -> dict[str, Any]:
    return {"enabled": True, "ttl_s": 86400}


@audited()
class Project(models.Model):
    """A tenant: what keys, limits, budgets and usage belong to."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="projects"
    )
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    active = models.BooleanField(
        default=True, help_text="When off, none of its keys works."
    )
    default_alias = models.CharField(
        max_length=100,
        blank=True,
        help_text="Alias for requests that name no model.",
    )
    strategy = models.CharField(
        max_length=16,
        choices=Strategy.choices,
        blank=True,
        default="",
        db_default="",
        help_text=(
            "How to order targets where neither the request nor an alias says; "
            "empty: by priority."
        ),
    )
    cache = models.JSONField(
        default=default_cache,
        blank=True,
        help_text='Answer cache, e.g. {"enabled": true, "ttl_s": 86400}.',
    )
    cache_purges = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        editable=False,
        help_text="When kept answers were purged, by what: seconds since 1970.",
    )
    auto_approve_threshold_usd = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="Requests estimated above this wait for approval; empty: the default.",
    )
    allowed_regions = models.JSONField(
        default=list,
        blank=True,
        help_text='Regions that may process its data, e.g. ["eu"]; empty: any.',
    )
    task_routes = models.JSONField(
        default=dict,
        blank=True,
        help_text='Alias by task type, e.g. {"code": "smart"}.',
    )
    allow_unpriced = models.BooleanField(
        default=False, help_text="Serve models that have no price (cost stays unknown)."
    )
    strict_params = models.BooleanField(
        default=False,
        help_text="Refuse parameters that have no counterpart, rather than drop them.",
    )
    fallback_on_content_policy = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Ask the next target when one refuses the content of a request.",
    )
    capture = models.BooleanField(
        default=False, help_text="Keep request and answer texts, sealed."
    )
    capture_retention_days = models.PositiveSmallIntegerField(
        default=30, db_default=30, validators=[MinValueValidator(1)]
    )
    capture_redactions = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text=(
            "Patterns (RE2) whose matches are taken out of captured texts, besides "
            'keys, e-mail addresses and card numbers, e.g. ["CASE-[0-9]+"].'
        ),
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[check_time_zone]
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        triggers = announces_changes("r.id")
        constraints = [
            models.CheckConstraint(
                condition=Q(auto_approve_threshold_usd__isnull=True)
                | Q(auto_approve_threshold_usd__gte=0),
                name="project_threshold_not_negative",
                violation_error_message="The approval threshold cannot be negative.",
            )
        ]

    def __str__(self) -> str:
        return self.slug

    def clean(self) -> None:
        try:
            check_patterns(self.capture_redactions)
        except ValidationError as error:
            raise ValidationError({"capture_redactions": error.messages}) from error
