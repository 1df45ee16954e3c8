from __future__ import annotations

import json
import os
import re
import uuid
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from catalog.models.provider import Provider, check_base_url, check_string_map
from tenants.addresses import AddressRefused, check_literal
from tenants.audit import audited
from tenants.encryption import Place, Secret, data_key_by_project_id, seal, unseal
from tenants.models import EndUser, Project
from tenants.models.end_user import check_end_user_of
from tenants.models.project import ProjectScopedQuerySet
from tenants.versioning import announces_changes

# What a provider grants at most, of requests, tokens, and at the same time.
CAPS = ("requests_per_minute", "tokens_per_minute", "max_concurrency")
_SHOWN = 4
# How a value is presented that needs no place or region of its provider's.
_PRESENTED_AS_IS = ("bearer", "header:", "query:")
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


def is_reachable(host: str) -> bool:
    """Say whether calls may go to a host, as far as its name shows it."""
    try:
        check_literal(host)
    except AddressRefused:
        return False
    return bool(host) and host != "localhost" and not host.endswith(".localhost")


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
    end_user = models.ForeignKey(
        EndUser,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="credentials",
        help_text="Brought by this end user of the project, who pays for its use.",
    )
    name = models.CharField(max_length=100, default="default")
    env_name = models.CharField(
        "environment variable",
        max_length=100,
        blank=True,
        validators=[RegexValidator(r"^[A-Z][A-Z0-9_]*\Z", "A name like ACME_API_KEY.")],
        help_text="Read when needed, in place of a stored value.",
    )
    base_url = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        validators=[check_base_url],
        help_text=(
            "Where it is presented, in place of the provider's base URL: an Azure "
            "resource, or a server of the end user's own. Empty: the provider's."
        ),
    )
    deployments = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        validators=[check_string_map],
        help_text=(
            "What models are called there, e.g. an Azure deployment: "
            '{"gpt-4o": "my-gpt"}. Others go by their own name.'
        ),
    )
    seal_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sealed = models.BinaryField(null=True, blank=True, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    active = models.BooleanField(default=True)
    requests_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="What its provider grants; others are asked before it is used up.",
    )
    tokens_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Sent and received together; empty: as many as there are.",
    )
    max_concurrency = models.PositiveIntegerField(
        "concurrent requests",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many may run at the same time, over all processes.",
    )
    quarantined_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["provider", "project", "name"]
        triggers = announces_changes("r.project_id", end_user="r.end_user_id")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "project", "end_user", "name"],
                nulls_distinct=False,
                name="credential_once_per_name",
                violation_error_message="There is a credential of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(end_user__isnull=True)
                | Q(project__isnull=False, env_name=""),
                name="credential_of_end_user_is_stored",
                violation_error_message=(
                    "An end user's credential belongs to its project, and is stored "
                    "here: it names no variable."
                ),
            ),
            models.CheckConstraint(
                condition=Q(end_user__isnull=False) | Q(base_url="", deployments={}),
                name="credential_elsewhere_is_end_users",
                violation_error_message=(
                    "Only an end user's credential has a base URL or deployments of "
                    "its own."
                ),
            ),
            models.CheckConstraint(
                condition=Q(sealed__isnull=True) | Q(env_name=""),
                name="credential_sealed_or_env",
                violation_error_message="Store a value or name a variable, not both.",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{cap}__isnull": True}) | Q(**{f"{cap}__gte": 1}),
                    name=f"credential_{cap}_positive",
                    violation_error_message="A cap is at least 1; empty: none.",
                )
                for cap in CAPS
            ),
        ]

    def __str__(self) -> str:
        owner = str(self.end_user or self.project or "platform")
        return f"{self.provider} ({owner}, {self.name})"

    def clean(self) -> None:
        check_env_name(self.env_name)
        if self.sealed is not None and self.env_name:
            msg = "Store a value or name a variable, not both."
            raise ValidationError(msg)
        check_end_user_of(self.project_id, self.end_user)
        if self.base_url:
            self._check_elsewhere()

    def _check_elsewhere(self) -> None:
        """Refuse an address that the value cannot be presented at."""
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        if parts.scheme != "https":
            msg = "A base URL of one's own starts with https://."
        elif not is_reachable(host):
            msg = f"{host} is a private address; it is never called."
        elif not self.provider.auth.startswith(_PRESENTED_AS_IS):
            msg = f"What {self.provider} is presented is good at its own address only."
        else:
            return
        raise ValidationError({"base_url": msg})

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
        row = str(self.seal_id)
        if self.end_user_id is not None:
            row = f"{row}:{self.end_user_id}"
        return Place("catalog_credential", row, "sealed", str(self.project_id))
