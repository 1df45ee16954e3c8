from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tenants.audit import audited
from tenants.models import Organization, Project
from tenants.models.project import ProjectScopedQuerySet
from usage.models.notification import (
    Notification,
    NotificationChannel,
    check_channel,
)
from usage.models.whose import once_per_name, settle_organization


class AlertKind(models.TextChoices):
    """What a rule looks for."""

    BUDGET = "budget", "Budget: a share that somebody wants to know of is spent"
    FORECAST = "forecast", "Budget: at this pace it is spent before its period ends"
    ERRORS = "errors", "Error rate of a model"
    LATENCY = "latency", "Latency of a model (p95)"
    SPEND = "spend", "Spend of a project out of the usual"
    CREDENTIAL = "credential", "Credential that its provider refuses"
    PROVIDER = "provider", "Provider that does not answer its checks"
    KEY = "key", "Key that expires"
    PRICE = "price", "Model in use without a price"
    DEPRECATED = "deprecated", "Model in use that goes"
    APPROVAL = "approval", "Approval that waits too long"


# Of these the window says which traffic is looked at; it is read event by event.
SLIDING = frozenset({AlertKind.ERRORS, AlertKind.LATENCY})
MAX_SLIDING_MINUTES = 60


@audited()
class AlertRule(models.Model):
    """What to look for, where, and from which bound on people are told."""

    # By this name it is made again where it is missing.
    ready = models.SlugField(
        max_length=32, null=True, blank=True, unique=True, editable=False
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_rules",
        help_text="Empty: in the whole installation.",
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_rules",
        help_text="In this project alone; empty: in all of the organization.",
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=AlertKind.choices)
    threshold = models.DecimalField(
        max_digits=14,
        decimal_places=4,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=(
            "Forecast: percent of the budget. Errors: percent of attempts. Latency: "
            "milliseconds. Spend: how many times as far from the median as is usual. "
            "Provider: failed checks in a row. Key, model that goes: days before. "
            "Approval: minutes. Otherwise it means nothing."
        ),
    )
    at_least = models.DecimalField(
        max_digits=14,
        decimal_places=4,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text="Errors and latency: attempts, spend: USD; with less nobody is told.",
    )
    window_minutes = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(5)],
        help_text="Of the same thing people are told once in this time.",
    )
    channel = models.ForeignKey(
        NotificationChannel,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="alert_rules",
        help_text="Tell this channel alone; empty: all that want the topic.",
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "project", "name"]
        constraints = [once_per_name("alert_rule", "rule")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        settle_organization(self)
        if self.kind in SLIDING and self.window_minutes > MAX_SLIDING_MINUTES:
            msg = f"Of this kind the window has at most {MAX_SLIDING_MINUTES} minutes."
            raise ValidationError({"window_minutes": msg})
        if self.channel is not None:
            check_channel(self, self.channel, "channel")


class AlertSilenceQuerySet(ProjectScopedQuerySet):
    def in_force(self) -> AlertSilenceQuerySet:
        return self.filter(until__gt=timezone.now())


@audited()
class AlertSilence(models.Model):
    """Until when nobody is told of something, by whose word, and why."""

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_silences",
        help_text="Only its own channels are spared; empty: all are.",
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_silences",
        help_text="Only what concerns this project.",
    )
    rule = models.ForeignKey(
        AlertRule,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="silences",
        help_text="Empty: every rule.",
    )
    subject = models.CharField(
        max_length=200,
        blank=True,
        help_text="As it stands in the history, e.g. acme/large; empty: everything.",
    )
    until = models.DateTimeField()
    reason = models.CharField(max_length=500)
    silenced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AlertSilenceQuerySet.as_manager()

    class Meta:
        ordering = ["-until"]

    def __str__(self) -> str:
        what = self.subject or (self.rule.name if self.rule else "everything")
        return f"{what} until {self.until:%Y-%m-%d %H:%M} UTC"

    def clean(self) -> None:
        settle_organization(self)

    def covers(self, channel: NotificationChannel) -> bool:
        """Tell whether the channel is spared: an organization speaks for its own alone."""
        return self.organization_id is None or channel.organization_id is not None


class Alert(models.Model):
    """Something that a rule has found, once for each subject and window."""

    rule = models.ForeignKey(
        AlertRule, on_delete=models.SET_NULL, null=True, related_name="alerts"
    )
    kind = models.CharField(max_length=10, choices=AlertKind.choices)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="alerts"
    )
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, related_name="alerts"
    )
    subject = models.CharField(max_length=200)
    # The rule, its subject and the window.
    once = models.CharField(max_length=300, unique=True)
    title = models.CharField(max_length=300)
    facts = models.JSONField(default=dict)
    notification = models.ForeignKey(
        Notification, on_delete=models.SET_NULL, null=True, related_name="alerts"
    )
    silence = models.ForeignKey(
        AlertSilence, on_delete=models.SET_NULL, null=True, related_name="alerts"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="alert_newest"),
            models.Index(fields=["-created_at", "-id"], name="alert_newest_of_all"),
            models.Index(
                fields=["created_at"],
                condition=Q(notification=None),
                name="alert_untold",
            ),
        ]

    def __str__(self) -> str:
        return self.title
