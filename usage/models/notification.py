from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.db.models import Q

from tenants.audit import audited
from tenants.encryption import Place, Secret, data_key_by_project_id, seal, unseal
from tenants.models import Organization, Project
from tenants.models.project import ProjectScopedQuerySet
from usage.models.whose import once_per_name, settle_organization


class Topic(models.TextChoices):
    """What a notification is about."""

    APPROVAL = "approval", "Approvals that are asked for"
    BUDGET = "budget", "Budgets that end"
    CREDENTIAL = "credential", "Credentials that providers refuse"
    PROVIDER = "provider", "Providers that are down"
    KEY = "key", "Keys that expire"
    CATALOG = "catalog", "Prices that are missing, models that go"
    USAGE = "usage", "Errors, latency and spend out of the usual"
    REPORT = "report", "Scheduled reports"


# In place of what is sealed.
_HIDDEN = "/…"


def check_topics(value: object) -> None:
    if not isinstance(value, list) or not set(map(str, value)) <= set(Topic.values):
        msg = f"This is a list of topics: {', '.join(Topic.values)}; empty: all."
        raise ValidationError(msg)


@audited(secret=("sealed",))
class NotificationChannel(models.Model):
    """Where notifications go: e-mail addresses, a chat's webhook, or a signed webhook."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        SLACK = "slack", "Slack or a compatible chat"
        WEBHOOK = "webhook", "Signed webhook"

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notification_channels",
        help_text="Empty: for what concerns the whole installation as well.",
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notification_channels",
        help_text="Only for this project; empty: for all of the organization.",
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    address = models.CharField(
        max_length=1000,
        help_text="E-mail addresses with commas between them, or an https:// address.",
    )
    seal_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sealed = models.BinaryField(null=True, blank=True, editable=False)
    topics = models.JSONField(
        default=list,
        blank=True,
        validators=[check_topics],
        help_text='What to tell, e.g. ["approval", "budget"]; empty: everything.',
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "project", "name"]
        constraints = [once_per_name("notification_channel", "channel")]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Seal the address of a chat: whoever knows it may write there.

        What is sealed goes with the channel to another project, whose key opens it then.
        """
        self._seal_anew()
        if self.kind == self.Kind.SLACK and not self.address.endswith(_HIDDEN):
            self.put_secret(self.address)
            scheme, _, rest = self.address.partition("://")
            self.address = f"{scheme}://{rest.partition('/')[0]}{_HIDDEN}"
        super().save(*args, **kwargs)

    def clean(self) -> None:
        settle_organization(self)
        if self.kind == self.Kind.EMAIL:
            for address in self.email_addresses():
                validate_email(address)
            if not self.email_addresses():
                raise ValidationError({"address": "Enter an e-mail address."})
        elif not self.address.startswith(("https://", "http://")):
            msg = "Enter the whole address, beginning with https://."
            raise ValidationError({"address": msg})

    def email_addresses(self) -> list[str]:
        return [part.strip() for part in self.address.split(",") if part.strip()]

    def put_secret(self, value: str) -> None:
        """Seal what signs a webhook, or a chat's address; the caller saves the row."""
        key = data_key_by_project_id(self.project_id)
        self.sealed = seal(Secret(value), key, self._place())

    def secret(self) -> Secret | None:
        if self.sealed is None:
            return None
        key = data_key_by_project_id(self.project_id)
        return unseal(bytes(self.sealed), key, self._place())

    def _seal_anew(self) -> None:
        """Seal the secret for the project that the channel has come to."""
        before = NotificationChannel.objects.filter(pk=self.pk).first()
        if (
            before is None
            or before.sealed is None
            or self.sealed is None
            or before.project_id == self.project_id
            or bytes(before.sealed) != bytes(self.sealed)
        ):
            return
        if (secret := before.secret()) is not None:
            self.put_secret(secret.reveal())

    def _place(self) -> Place:
        return Place(
            "usage_notificationchannel",
            str(self.seal_id),
            "sealed",
            str(self.project_id),
        )


def check_channel(row: Any, channel: NotificationChannel, field: str) -> None:
    """Refuse a channel that belongs to somebody else than the row."""
    if channel.organization_id not in {
        None,
        row.organization_id,
    } or channel.project_id not in {None, row.project_id}:
        msg = "The channel is another organization's, or another project's."
        raise ValidationError({field: msg})


class Notification(models.Model):
    """Something that people should know, once for each subject and window."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    topic = models.CharField(max_length=16, choices=Topic.choices)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        related_name="notifications",
    )
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, related_name="notifications"
    )
    # What keeps it from being told twice: the rule, its subject and the window.
    once = models.CharField(max_length=300, unique=True)
    title = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    link = models.CharField(max_length=500, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(
                fields=["organization", "-created_at"], name="notification_newest"
            ),
            models.Index(
                fields=["-created_at", "id"], name="notification_newest_of_all"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Delivery(models.Model):
    """A notification on its way to one channel."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="deliveries"
    )
    channel = models.ForeignKey(
        NotificationChannel, on_delete=models.CASCADE, related_name="deliveries"
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "channel"], name="delivery_once_per_channel"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state="pending"),
                name="delivery_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.notification} to {self.channel} ({self.state})"
