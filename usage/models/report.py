from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, validate_email
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.models import Organization, Project
from tenants.models.project import ProjectScopedQuerySet
from tenants.time_zones import check_time_zone
from usage.hours import WHOLE, minutes_of
from usage.models.notification import NotificationChannel, check_channel
from usage.models.whose import once_per_name, settle_organization


class Section(models.TextChoices):
    """What a report can tell of, in the order in which it does."""

    TRAFFIC = "traffic", "Traffic"
    COST = "cost", "Cost by model, project, feature and key"
    ERRORS = "errors", "Errors"
    LATENCY = "latency", "Latency"
    CACHE = "cache", "Savings by the cache"
    BUDGETS = "budgets", "Budgets"
    ALERTS = "alerts", "Alerts"
    WORKFLOWS = "workflows", "Workflow runs"
    QUALITY = "quality", "Quality of answers"


def all_sections() -> list[str]:
    return [str(value) for value in Section.values]


def check_sections(value: object) -> None:
    if not isinstance(value, list) or not set(map(str, value)) <= set(Section.values):
        msg = f"This is a list of sections: {', '.join(Section.values)}."
        raise ValidationError(msg)


@audited()
class ReportDefinition(models.Model):
    """A report that is drawn up for each day, week or month, and whom it goes to."""

    class Period(models.TextChoices):
        DAY = "day", "Daily"
        WEEK = "week", "Weekly, from Monday"
        MONTH = "month", "Monthly"

    class Delivery(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Signed webhook"
        STORED = "stored", "Stored only"

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="report_definitions",
        help_text="Empty: of the whole installation.",
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="report_definitions",
        help_text="Of this project alone; empty: of all of the organization.",
    )
    name = models.CharField(max_length=100)
    period = models.CharField(
        max_length=5, choices=Period.choices, default=Period.WEEK.value
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        validators=[check_time_zone],
        help_text="In which its days begin; empty: the organization's, else UTC.",
    )
    hour = models.PositiveSmallIntegerField(
        default=6,
        validators=[MaxValueValidator(23)],
        help_text="The local hour after the end of the period at which it is drawn up.",
    )
    sections = models.JSONField(
        default=all_sections, validators=[check_sections], help_text="What it tells of."
    )
    delivery = models.CharField(
        max_length=7, choices=Delivery.choices, default=Delivery.STORED.value
    )
    recipients = models.CharField(
        max_length=1000,
        blank=True,
        help_text="E-mail addresses, with commas between them.",
    )
    webhook = models.ForeignKey(
        NotificationChannel,
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="report_definitions",
        help_text="A channel that is a signed webhook.",
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "project", "name"]
        constraints = [once_per_name("report_definition", "report")]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """Return its time zone, or UTC where that is known no longer."""
        try:
            return ZoneInfo(self.time_zone or self._home_zone())
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    def _home_zone(self) -> str:
        return "UTC" if self.organization is None else self.organization.time_zone

    def addresses(self) -> list[str]:
        return [part.strip() for part in self.recipients.split(",") if part.strip()]

    def clean(self) -> None:
        settle_organization(self)
        self._check_zone()
        self._check_delivery()
        if not self.sections:
            raise ValidationError({"sections": "Choose at least one section."})

    def _check_zone(self) -> None:
        """Refuse days that begin in the middle of what is summed up."""
        if not self.time_zone:
            return
        kept = WHOLE if self.organization is None else minutes_of(self._home_zone())
        if minutes_of(self.time_zone) % kept:
            msg = (
                "Sums are kept in whole hours here, and its days begin within one. "
                "Give the organization this time zone, or choose another."
            )
            raise ValidationError({"time_zone": msg})

    def _check_delivery(self) -> None:
        if self.delivery == self.Delivery.EMAIL:
            if not self.addresses():
                raise ValidationError({"recipients": "Enter an e-mail address."})
            for address in self.addresses():
                try:
                    validate_email(address)
                except ValidationError as error:
                    raise ValidationError({"recipients": error.messages}) from error
        elif self.delivery == self.Delivery.WEBHOOK:
            channel = self.webhook
            if channel is None or channel.kind != NotificationChannel.Kind.WEBHOOK:
                msg = "Choose a channel that is a signed webhook."
                raise ValidationError({"webhook": msg})
            check_channel(self, channel, "webhook")


class ReportRun(models.Model):
    """One report on its way: waiting, taken up, rendered, then sent or given up.

    Whose it is was settled when it was made, whatever becomes of its definition.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        RENDERED = "rendered"
        SENT = "sent"
        FAILED = "failed"

    OPEN = (State.WAITING, State.CLAIMED, State.RENDERED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    definition = models.ForeignKey(
        ReportDefinition, on_delete=models.CASCADE, related_name="runs"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="report_runs"
    )
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, related_name="report_runs"
    )
    # 2026-11-20, 2026-W47 or 2026-11.
    period = models.CharField(max_length=10)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=500, blank=True)
    html = models.TextField(blank=True)
    # PNG as base64, by the name that the HTML has for it.
    charts = models.JSONField(default=dict)
    csv = models.TextField("CSV", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    rendered_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-ends_at", "definition"]
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "period"], name="report_run_once_per_period"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["waiting", "claimed", "rendered"]),
                name="report_run_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.definition} {self.period}"

    @property
    def message_id(self) -> str:
        """Return by what a mail server knows that it has this report already."""
        return f"<report-{self.pk.hex}@signalbox>"
