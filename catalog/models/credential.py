from __future__ import annotations

import json
import os
import re
import uuid

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from catalog.models.provider import Provider
from tenants.audit import audited
from tenants.encryption import Place, Secret, data_key_by_project_id, seal, unseal
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from tenants.versioning import announces_changes

_SHOWN = 4
_AWS_KEY = "AWS_ACCESS_KEY_ID"
_OWN_VARIABLES = re.compile(
    r"SECRET_KEY|DATABASE_URL|REDIS_URL|SENTRY_DSN|(SIGNALBOX|DJANGO|ORCHESTRATOR)_.*"
)


def _value_of(name: str) -> str:
    """Return the variable's value; Amazon's keys are several variables together."""
    value = os.environ.get(name, "")
    if name != _AWS_KEY or not value:
        return value
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    keys = {
        "access_key_id": value,
        "secret_access_key": secret,
        "session_token": os.environ.get("AWS_SESSION_TOKEN", ""),
    }
    return json.dumps(keys) if secret else ""


def check_env_name(name: str) -> None:
    """Refuse the variables of Signalbox itself: no provider is to see their values."""
    if _OWN_VARIABLES.fullmatch(name):
        msg = f"{name} belongs to Signalbox itself; name a variable of the provider."
        raise ValidationError({"env_name": msg})


@audited(secret=("sealed",))
class Credential(models.Model):
    """What Signalbox presents to a provider: sealed here, or named in the environment."""

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="credentials"
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="credentials",
        help_text="Only for this project; empty: for all.",
    )
    name = models.CharField(max_length=100, default="default")
    env_name = models.CharField(
        "environment variable",
        max_length=100,
        blank=True,
        validators=[RegexValidator(r"^[A-Z][A-Z0-9_]*\Z", "A name like ACME_API_KEY.")],
        help_text="Read when needed, in place of a stored value.",
    )
    seal_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sealed = models.BinaryField(null=True, blank=True, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    active = models.BooleanField(default=True)
    quarantined_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["provider", "project", "name"]
        triggers = announces_changes("r.project_id")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "project", "name"],
                nulls_distinct=False,
                name="credential_once_per_name",
                violation_error_message="There is a credential of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(sealed__isnull=True) | Q(env_name=""),
                name="credential_sealed_or_env",
                violation_error_message="Store a value or name a variable, not both.",
            ),
        ]

    def __str__(self) -> str:
        owner = "platform" if self.project is None else str(self.project)
        return f"{self.provider} ({owner}, {self.name})"

    def clean(self) -> None:
        check_env_name(self.env_name)
        if self.sealed is not None and self.env_name:
            msg = "Store a value or name a variable, not both."
            raise ValidationError(msg)

    def put(self, value: str) -> None:
        """Seal a value into this row; the caller saves it."""
        key = data_key_by_project_id(self.project_id)
        self.sealed = seal(Secret(value), key, self._place())
        self.last_four = value[-_SHOWN:] if len(value) >= 4 * _SHOWN else ""
        self.env_name = ""

    def open(self, data_key: bytes) -> Secret | None:
        """Return the secret, or None when none is configured."""
        if self.env_name:
            value = _value_of(self.env_name)
            return Secret(value) if value else None
        if self.sealed is None:
            return None
        return unseal(bytes(self.sealed), data_key, self._place())

    def reveal(self) -> Secret | None:
        """Like `open`, with the data key looked up."""
        if self.env_name or self.sealed is None:
            return self.open(b"")
        return self.open(data_key_by_project_id(self.project_id))

    def _place(self) -> Place:
        return Place(
            "catalog_credential", str(self.seal_id), "sealed", str(self.project_id)
        )
