from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from tenants.audit import audited
from tenants.keys import imported_id, new_key
from tenants.models.project import Project, ProjectScopedQuerySet
from tenants.versioning import announces_changes

DEFAULT_GRACE = timedelta(days=1)
IMPORTED_PREFIX = "imported_"

_SHOWN_OF_DIGEST = 12


def check_names(value: Any) -> None:
    """Refuse what is no list of names."""
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        msg = 'This is a list of names, e.g. ["fast"].'
        raise ValidationError(msg)


def check_networks(value: Any) -> None:
    """Refuse what is no list of networks in CIDR form."""
    try:
        if not isinstance(value, list):
            raise TypeError
        for network in value:
            ip_network(network)
    except (TypeError, ValueError) as error:
        msg = 'This is a list of networks, e.g. ["10.0.0.0/8", "2001:db8::/32"].'
        raise ValidationError(msg) from error


class ApiKeyQuerySet(ProjectScopedQuerySet):
    def of_status(self, status: str) -> ApiKeyQuerySet:
        """Return the keys whose `status` is this one now."""
        if status == "revoked":
            return self.exclude(revoked_at=None)
        working = self.filter(revoked_at=None)
        expired = Q(expires_at__lte=timezone.now())
        return (
            working.filter(expired) if status == "expired" else working.exclude(expired)
        )


@audited(secret=("digest",))
class ApiKey(models.Model):
    """What a project presents to Signalbox; only its digest is kept."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="api_keys"
    )
    name = models.CharField(max_length=200)
    key_id = models.CharField(max_length=32, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    scopes = models.JSONField(
        default=list,
        blank=True,
        validators=[check_names],
        help_text='What it may be used for, e.g. ["chat", "embeddings"]; empty: all.',
    )
    aliases = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        validators=[check_names],
        help_text='Aliases and models it may name, e.g. ["fast"]; empty: all.',
    )
    allowed_networks = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        validators=[check_networks],
        help_text='Networks it may be used from, e.g. ["10.0.0.0/8"]; empty: any.',
    )
    imported = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Known by its digest alone: renew it with a key of Signalbox's own.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    rotated_to = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="rotated_from",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        triggers = announces_changes("r.project_id")
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True)
                | Q(expires_at__gt=models.F("created_at")),
                name="api_key_expires_after_creation",
                violation_error_message="A key must expire after it was created.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @property
    def prefix(self) -> str:
        """The part of the key that may be shown and logged."""
        if self.imported:
            return f"{IMPORTED_PREFIX}{self.key_id[:_SHOWN_OF_DIGEST]}"
        return f"sb_{self.key_id}"

    @property
    def status(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active"

    @classmethod
    def issue(
        cls,
        project: Project,
        name: str,
        *,
        expires_at: datetime | None = None,
        scopes: list[str] | None = None,
        aliases: list[str] | None = None,
        allowed_networks: list[str] | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key and return it with its text, which is shown only once."""
        fresh = new_key()
        key = cls.objects.create(
            project=project,
            name=name,
            key_id=fresh.key_id,
            digest=fresh.digest,
            expires_at=expires_at,
            scopes=scopes or [],
            aliases=aliases or [],
            allowed_networks=allowed_networks or [],
        )
        return key, fresh.text

    @classmethod
    def known_by_digest(cls, project: Project, name: str, digest: bytes) -> ApiKey:
        """Return a key, not saved, of which only the SHA-256 of its text is known."""
        return cls(
            project=project,
            name=name,
            key_id=imported_id(digest),
            digest=digest,
            imported=True,
        )

    def revoke(self) -> None:
        """Stop the key now; revoking it again changes nothing."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    def rotate(self, grace: timedelta = DEFAULT_GRACE) -> tuple[ApiKey, str]:
        """Issue a successor; this key goes on working for the time of grace.

        The successor may do what this one may. Its limits and budgets are the same
        ones, so that both together have no more than one of them had.
        """
        with transaction.atomic():
            successor, text = type(self).issue(
                self.project,
                self.name,
                scopes=list(self.scopes),
                aliases=list(self.aliases),
                allowed_networks=list(self.allowed_networks),
            )
            for owned in (self.limits, self.budgets):
                owned.update(api_key=successor)
            end_of_grace = timezone.now() + grace
            if self.expires_at is None or self.expires_at > end_of_grace:
                self.expires_at = end_of_grace
            self.rotated_to = successor
            self.save(update_fields=["expires_at", "rotated_to"])
        return successor, text


class ApiKeyUse(models.Model):
    """When a key was last used; a row of its own, since it is no configuration."""

    api_key = models.OneToOneField(
        ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="use"
    )
    last_used_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.api_key} at {self.last_used_at}"


def check_key_of(project_id: int | None, api_key: ApiKey | None) -> None:
    """Refuse the key of another project."""
    if api_key is not None and api_key.project_id != project_id:
        msg = f"{api_key} belongs to another project; choose a key of this one."
        raise ValidationError({"api_key": msg})
